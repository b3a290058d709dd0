"""API keys: who has which, what they do, and making, renewing and ending them."""

from gatewayops.web.keys import detail, listing, making

SHOWN = (("/keys", listing.show), ("/keys/new", making.show), ("/keys/{key}", detail.show))
CHANGES = (
    ("/keys/new", making.make),
    ("/keys/{key}/rotate", detail.rotate),
    ("/keys/{key}/revoke", detail.revoke),
)
