"""Settings: the organisation, how long records are kept, what is masked, limits, prices, sealing keys."""

from gatewayops.web.settings import masking, organization, rates, retention, secrets

SHOWN = (
    ("/settings", organization.show),
    ("/settings/retention", retention.show),
    ("/settings/masking", masking.show),
    ("/settings/limits", rates.show_limits),
    ("/settings/prices", rates.show_prices),
    ("/settings/secrets", secrets.show),
)
CHANGES = (
    ("/settings", organization.change),
    ("/settings/pinning", organization.pin),
    ("/settings/retention", retention.change),
    ("/settings/masking/preview", masking.preview),
    ("/settings/masking/rules", masking.put_rule),
    ("/settings/masking/rules/remove", masking.remove_rule),
    ("/settings/masking/classes", masking.switch),
    ("/settings/limits", rates.put_limit),
    ("/settings/limits/remove", rates.remove_limit),
    ("/settings/prices", rates.put_price),
    ("/settings/prices/remove", rates.remove_price),
    ("/settings/signing-keys/rotate", secrets.rotate_signing),
)
