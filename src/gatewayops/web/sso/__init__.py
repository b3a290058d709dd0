"""Sign-in at identity providers: set-up step by step, domains, who may come in, and requiring it."""

from gatewayops.web.sso import domains, listing, provider

SHOWN = (("/sso", listing.show), ("/sso/new", listing.new), ("/sso/{provider}", provider.show))
CHANGES = (
    ("/sso/new", listing.make),
    ("/sso/{provider}", provider.change),
    ("/sso/{provider}/test", provider.test),
    ("/sso/{provider}/people", provider.change_people),
    ("/sso/{provider}/groups", provider.change_groups),
    ("/sso/{provider}/require", provider.require),
    ("/sso/{provider}/lift", provider.lift),
    ("/sso/{provider}/off", provider.switch_off),
    ("/sso/{provider}/remove", provider.remove),
    ("/sso/{provider}/domains", domains.add),
    ("/sso/{provider}/domains/verify", domains.verify),
    ("/sso/{provider}/domains/remove", domains.remove),
)
