"""Lists show only what the caller may use: tools to call, resources to read, prompts to get."""

import msgspec
from msgspec import Raw

from gatewayops.identity.principal import Principal
from gatewayops.policy.grants import Grants
from gatewayops.protocol.reply import is_same


class _Listed(msgspec.Struct, frozen=True):
    """A list of MCP: under which key its items are, what names an item, what using one needs."""

    key: str
    field: str
    action: str


_LISTS = {
    "tools/list": _Listed("tools", "name", "tools.call"),
    "resources/list": _Listed("resources", "uri", "resources.read"),
    "resources/templates/list": _Listed("resourceTemplates", "uriTemplate", "resources.read"),
    "prompts/list": _Listed("prompts", "name", "prompts.get"),
}

_object = msgspec.json.Decoder(dict[str, Raw]).decode
_items = msgspec.json.Decoder(list[Raw]).decode


def is_list(method: str) -> bool:
    """Whether the method's result is a list that `filter_list` reads."""
    return method in _LISTS


def lists_in(payload: bytes) -> list[str]:
    """The methods whose result this may be, by its members; none for what is no object."""
    try:
        names = {name.casefold() for name in _object(payload)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return list(_LISTS) if payload.lstrip()[:1] == b"{" else []
    return [method for method, listed in _LISTS.items() if listed.key.casefold() in names]


def filter_list(grants: Grants, principal: Principal, server: str, method: str, payload: bytes) -> bytes:
    """The result of a list, without what the caller may not use.

    `payload` is the result object's JSON; what stays is byte for byte the server's. The same object comes
    back when nothing is dropped, or when `method` is no list. A result whose list cannot be read is
    answered as an empty list, an item that cannot be read is dropped. A list that comes twice, or under
    another spelling beside, is written anew with the one meaning that was looked at.
    """
    listed = _LISTS.get(method)
    if listed is None:
        return payload
    try:
        result = _object(payload)
        items = _items(result[listed.key]) if listed.key in result else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.encode({listed.key: ()})
    kept = [item for item in items if _is_visible(grants, principal, server, listed, item)]
    if len(kept) < len(items):
        result[listed.key] = Raw(msgspec.json.encode(kept))
    folded = listed.key.casefold()
    anew = {name: value for name, value in result.items() if name == listed.key or name.casefold() != folded}
    encoded = msgspec.json.encode(anew)
    return payload if is_same(encoded, payload) else encoded


def _is_visible(grants: Grants, principal: Principal, server: str, listed: _Listed, item: Raw) -> bool:
    try:
        named = msgspec.json.decode(_object(item)[listed.field], type=str)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return False
    return grants.visible(principal, server, listed.action, named)
