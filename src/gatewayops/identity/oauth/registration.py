"""What a client says about itself (RFC 7591), read with the patience that today's clients need.

Members that we don't know are ignored, as the RFC wants it; what we keep is checked.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from gatewayops.identity.oauth import grant_types, redirect_uris, scopes
from gatewayops.identity.oauth.metadata import AUTH_METHODS
from gatewayops.identity.oauth.refusals import OAuthRefused
from gatewayops.store.control.oauth_clients import ClientSpec

_MAX_NAME = 100
_MAX_JWKS = 16_000
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_SPACES = re.compile(r"\s+")


def read(
    given: object, offered: tuple[str, ...], *, grantable: tuple[str, ...] = grant_types.PERSONAL
) -> ClientSpec:
    """Raises OAuthRefused: invalid_client_metadata, invalid_redirect_uri. Of `grantable` it may use any."""
    if not isinstance(given, Mapping):
        raise _wrong("the body is a JSON object")
    auth_method = _text(given, "token_endpoint_auth_method") or "client_secret_basic"
    if auth_method not in AUTH_METHODS:
        raise _wrong(f"token_endpoint_auth_method: one of {', '.join(AUTH_METHODS)}")
    grants = _grant_types(given, grantable)
    if auth_method == "none" and set(grants) & set(grant_types.TRUSTED):
        raise _wrong("grant_types: a client without a secret or a key may not use these")
    has_redirects = grant_types.AUTHORIZATION_CODE in grants
    if has_redirects:
        _check_includes(given, "response_types", "code")
    jwks, jwks_uri = _keys(given), _text(given, "jwks_uri")
    if auth_method == "private_key_jwt" and bool(jwks) == bool(jwks_uri):
        raise _wrong("private_key_jwt needs jwks or jwks_uri, one of the two")
    return ClientSpec(
        name=_name(given),
        redirect_uris=_redirect_uris(given) if has_redirects else (),
        auth_method=auth_method,
        scope=" ".join(one for one in scopes.parsed(_text(given, "scope")) if one in offered),
        grant_types=grants,
        jwks=jwks if auth_method == "private_key_jwt" else "",
        jwks_uri=jwks_uri if auth_method == "private_key_jwt" else "",
    )


def answer(client_id: str, spec: ClientSpec, *, issued_at: int, secret: str) -> dict[str, Any]:
    """What the client is told; no member is null, as some clients choke on that."""
    told: dict[str, Any] = {
        "client_id": client_id,
        "client_id_issued_at": issued_at,
        "client_name": spec.name,
        "redirect_uris": list(spec.redirect_uris),
        "grant_types": list(spec.grant_types),
        "response_types": ["code"] if grant_types.AUTHORIZATION_CODE in spec.grant_types else [],
        "token_endpoint_auth_method": spec.auth_method,
    }
    if spec.scope:
        told["scope"] = spec.scope
    if spec.jwks:
        told["jwks"] = json.loads(spec.jwks)
    if spec.jwks_uri:
        told["jwks_uri"] = spec.jwks_uri
    if secret:
        told |= {"client_secret": secret, "client_secret_expires_at": 0}
    return told


def has_secret(auth_method: str) -> bool:
    """Whether a client of this method is given one."""
    return auth_method.startswith("client_secret")


def _wrong(detail: str) -> OAuthRefused:
    return OAuthRefused("invalid_client_metadata", detail)


def _text(given: Mapping[str, Any], member: str) -> str:
    value = given.get(member)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 2048 or not value.isprintable():
        raise _wrong(f"{member}: a string of at most 2048 printable characters")
    return value


def _check_includes(given: Mapping[str, Any], member: str, needed: str) -> None:
    """Clients list all that they can do; ours must be among it."""
    value = given.get(member)
    if value is not None and (not isinstance(value, list) or needed not in value):
        raise _wrong(f"{member}: a list with {needed}")


def _grant_types(given: Mapping[str, Any], grantable: tuple[str, ...]) -> tuple[str, ...]:
    """Clients list all that they can do; what they may is kept. Who has a person's code may refresh."""
    value = given.get("grant_types")
    if value is None:
        return grant_types.DEFAULT
    kept = {one for one in grantable if isinstance(value, list) and one in value}
    if not kept - {grant_types.REFRESH_TOKEN}:
        raise _wrong("grant_types: a list with authorization_code, or another that this server lets you use")
    if kept & {grant_types.AUTHORIZATION_CODE, grant_types.DEVICE_CODE}:
        kept.add(grant_types.REFRESH_TOKEN)
    return tuple(one for one in (*grant_types.PERSONAL, *grant_types.TRUSTED) if one in kept)


def _name(given: Mapping[str, Any]) -> str:
    """Without what could forge the page that shows it: control characters and changes of direction."""
    value = given.get("client_name")
    if value is not None and not isinstance(value, str):
        raise _wrong("client_name: a string")
    plain = "".join(one for one in (value or "")[:1000] if not _is_hidden(one))
    return _SPACES.sub(" ", plain).strip()[:_MAX_NAME] or "MCP client"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") and character != "\n"


def _redirect_uris(given: Mapping[str, Any]) -> tuple[str, ...]:
    value = given.get("redirect_uris")
    if not isinstance(value, list) or not 1 <= len(value) <= redirect_uris.MAX_URIS:
        msg = f"redirect_uris: a list of 1 to {redirect_uris.MAX_URIS}"
        raise OAuthRefused("invalid_redirect_uri", msg)
    for uri in value:
        if not isinstance(uri, str):
            msg = "redirect_uris: each is a string"
            raise OAuthRefused("invalid_redirect_uri", msg)
        redirect_uris.check(uri)
    return tuple(dict.fromkeys(value))


def _keys(given: Mapping[str, Any]) -> str:
    value = given.get("jwks")
    if value is None:
        return ""
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, Mapping) for key in keys):
        raise _wrong("jwks: an object with a list of keys")
    if any(_PRIVATE & set(key) for key in keys):
        raise _wrong("jwks: public keys only; consider what you just sent as no longer secret")
    try:
        text = json.dumps({"keys": keys}, allow_nan=False)
    except ValueError as error:
        raise _wrong("jwks: plain JSON") from error
    if len(text) > _MAX_JWKS:
        raise _wrong(f"jwks: at most {_MAX_JWKS} characters")
    return text
