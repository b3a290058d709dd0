"""The form of a destination as the API takes it."""

from gatewayops.web.rest import Json
from gatewayops.web.servers.fields import given, headers, words
from gatewayops.web.visit import Form

_ALL = 100.0


def destination(form: Form) -> Json:
    """What adding and changing share; secrets that are left empty stay."""
    percent = form.number("percent", "Traces in per cent")
    secret = {"api_key": form["api_key"] or None, "headers": headers(form["headers"]) or None}
    return given(
        {
            "endpoint": form["endpoint"] or None,
            "protocol": form["protocol"] or None,
            "gzip": form.is_on("gzip"),
            "allow_private_network": form.is_on("allow_private_network"),
            "with_payloads": form.is_on("with_payloads"),
            "servers": words(form["servers"]),
            "statuses": form.several("statuses"),
            "sample_ratio": None if percent is None else percent / _ALL,
        }
        | secret
    )
