"""End users of protected servers: who signs in there, what they allowed, and the clients that ask them."""

from gatewayops.web.end_users import clients, detail, listing

SHOWN = (
    ("/end-users", listing.show),
    ("/end-users/clients", clients.show),
    ("/end-users/{end_user}", detail.show),
)
CHANGES = (
    ("/end-users", listing.add),
    ("/end-users/clients", clients.add),
    ("/end-users/clients/{server}/{client}/disable", clients.disable),
    ("/end-users/{end_user}/enabled", detail.enable),
    ("/end-users/{end_user}/disable", detail.disable),
    ("/end-users/{end_user}/revoke", detail.revoke),
    ("/end-users/{end_user}/remove", detail.remove),
    ("/end-users/{end_user}/sessions/{row}/end", detail.end_session),
    ("/end-users/{end_user}/consents/{row}/withdraw", detail.withdraw),
    ("/end-users/{end_user}/identities/{row}/remove", detail.remove_identity),
)
