"""How people write lists, headers and names into forms, and what the API gets of it."""

from gatewayops.web.rest import Json, Refused
from gatewayops.web.visit import Form


def words(text: str) -> list[str]:
    """What spaces, commas or lines set apart."""
    return text.replace(",", " ").split()


def headers(text: str) -> dict[str, str]:
    """Lines `Name: value`. Raises Refused that names the line by its number: its text may be a secret."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip():
            raise Refused(400, {"message": f"headers, line {number}: write it as Name: value"})
        found[name.strip()] = value.strip()
    return found


def given(body: Json) -> Json:
    """Without what the form left empty, which then stays or is the default."""
    return {name: value for name, value in body.items() if value is not None}


def connection(form: Form) -> Json:
    """How the gateway reaches a server."""
    return given(
        {
            "url": form["url"],
            "allow_private_network": form.is_on("allow_private_network"),
            "timeout_s": form.number("timeout_s", "Time limit"),
            "connect_timeout_s": form.number("connect_timeout_s", "Time limit to connect"),
        }
    )


def callers(form: Form) -> Json:
    """Who may call it."""
    return {
        "auth": form["auth"],
        "oauth_scopes": words(form["oauth_scopes"]),
        "allows_sign_up": form.is_on("allows_sign_up"),
        "requires_verified_email": form.is_on("requires_verified_email"),
    }
