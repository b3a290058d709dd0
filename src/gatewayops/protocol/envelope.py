"""The JSON-RPC envelope: decoded just far enough to know what is asked, re-encoded as what was decided on.

Members stay raw bytes (msgspec.Raw), so unknown and vendor fields pass through untouched. Duplicate
members collapse to the last one here and leave as one; members that differ from a known one only by
case are refused, because a server that folds case would read another request than we authorised.
"""

from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Raw

from gatewayops.base.errors import InvalidInput, Reason
from gatewayops.protocol.methods import (
    INVALID_REQUEST,
    KNOWN,
    META_CAPABILITIES,
    META_CLIENT,
    META_VERSION,
    PARSE_ERROR,
    Method,
    method_named,
)

_ABSENT = Raw(b"")
_CALL = (
    b'{"jsonrpc":"2.0","id":%b,"method":"tools/call","params":{"name":%b%b,"_meta":{"traceparent":"%b"%b}}}'
)
_METAS = 1000
_META_BYTES = 2 << 10


class _Request(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The four members of a request and no others."""

    jsonrpc: str
    method: str
    id: Raw = _ABSENT
    params: Raw = _ABSENT


class _CallParams(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    arguments: Raw = _ABSENT
    meta: Raw = msgspec.field(name="_meta", default=_ABSENT)


class _ToolRequest(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What nearly every message is."""

    jsonrpc: Literal["2.0"]
    method: Literal["tools/call"]
    id: Raw
    params: _CallParams


class _CallMeta(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    traceparent: Raw = _ABSENT
    tracestate: Raw = _ABSENT
    baggage: Raw = _ABSENT
    progress_token: Raw = msgspec.field(name="progressToken", default=_ABSENT)
    version: Raw = msgspec.field(name=META_VERSION, default=_ABSENT)
    client: Raw = msgspec.field(name=META_CLIENT, default=_ABSENT)
    capabilities: Raw = msgspec.field(name=META_CAPABILITIES, default=_ABSENT)


class _ClientInfo(msgspec.Struct):
    name: str = ""


_client_info = msgspec.json.Decoder(_ClientInfo).decode
_tool_request = msgspec.json.Decoder(_ToolRequest).decode
_call_meta = msgspec.json.Decoder(_CallMeta).decode
_request = msgspec.json.Decoder(_Request).decode
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode

_ENVELOPE = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_PARAMS = frozenset(
    {"name", "uri", "arguments", "_meta", "cursor", "ref", "argument", "taskId", "requestState"}
)
_META = frozenset(
    {"traceparent", "tracestate", "baggage", "progressToken", META_VERSION, META_CLIENT, META_CAPABILITIES}
)
_VERSION_2 = b'"2.0"'
_ID_STARTS = frozenset(b'"-0123456789')


class BadEnvelope(InvalidInput):
    """Not one JSON-RPC message; `rpc_code` and `rpc_id` say how to answer."""

    def __init__(self, detail: str, rpc_code: int, *, rpc_id: bytes = b"null") -> None:
        """`rpc_id` is the raw id as far as it could be read."""
        reason = Reason.MALFORMED_JSON if rpc_code == PARSE_ERROR else Reason.INVALID_REQUEST
        super().__init__(detail, reason)
        self.rpc_code = rpc_code
        self.rpc_id = rpc_id


class Message(msgspec.Struct, gc=False):
    """One decoded message of any method. `rpc_id` is raw JSON, empty for a notification."""

    method: Method
    rpc_id: bytes
    members: dict[str, Any]
    params: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    name: str = ""  # what the method names: a tool, a prompt, a uri

    @property
    def is_request(self) -> bool:
        """Whether an answer is owed."""
        return bool(self.rpc_id)

    @property
    def parent(self) -> str:
        """`_meta.traceparent`; empty when it is absent or no text."""
        raw = self.meta.get("traceparent") if self.meta else None
        try:
            return _text(raw) if raw is not None else ""
        except msgspec.DecodeError:
            return ""

    @property
    def version(self) -> bytes:
        """The protocol version in `_meta`, raw."""
        return bytes(self.meta.get(META_VERSION, b"")) if self.meta else b""

    @property
    def agent(self) -> str:
        """The client's name, as it says in `_meta` or when it initializes."""
        if self.meta and META_CLIENT in self.meta:
            return client_name(bytes(self.meta[META_CLIENT]))
        return client_name(bytes(self.params.get("clientInfo", b""))) if self.params else ""

    def arguments(self) -> bytes:
        """The raw arguments of a call, or all parameters of another method; what the record shows."""
        if self.params is None:
            return bytes(self.members["result"]) if "result" in self.members else b""
        arguments = self.params.get("arguments")
        if arguments is not None:
            return bytes(arguments)
        return _encode({key: value for key, value in self.params.items() if key != "_meta"})

    @property
    def raw_arguments(self) -> bytes:
        """The arguments of a call; empty when it has none."""
        return bytes(self.params.get("arguments", b"")) if self.params is not None else b""

    def encode(self, *, traceparent: str, arguments: bytes | None = None) -> bytes:
        """The message as it goes to the server: what was authorised, with our span as its parent.

        `arguments` in place of its own, where they are transformed.

        A request with parameters carries the parent in `_meta`; others only in the HTTP header.
        """
        members = self.members
        if self.params is not None:
            if self.rpc_id:
                meta = self.meta if self.meta is not None else {}
                meta["traceparent"] = traceparent
                self.params["_meta"] = meta
            if arguments:
                self.params["arguments"] = Raw(arguments)
            members["params"] = self.params
        return _encode(members)


class _Meta(NamedTuple):
    """A call's `_meta`, read: `others` are its members, to stand behind our own."""

    version: bytes
    agent: str
    others: bytes


class ToolCall(msgspec.Struct, gc=False):
    """A tools/call with no members but the known ones: what nearly every message is. Reads as a Message."""

    rpc_id: bytes
    name: str
    raw_arguments: bytes
    meta: _Meta

    method = KNOWN["tools/call"]
    is_request = True
    parent = ""

    @property
    def version(self) -> bytes:
        """The protocol version in `_meta`, raw."""
        return self.meta.version

    @property
    def agent(self) -> str:
        """The client's name."""
        return self.meta.agent

    def arguments(self) -> bytes:
        """The raw arguments."""
        return self.raw_arguments

    def encode(self, *, traceparent: str, arguments: bytes | None = None) -> bytes:
        """The call as it goes to the server, put together from what was decoded."""
        if arguments is None:
            arguments = self.raw_arguments
        return _CALL % (
            self.rpc_id,
            _encode(self.name),
            b',"arguments":' + arguments if arguments else b"",
            traceparent.encode(),
            self.meta.others,
        )


def client_name(raw: bytes) -> str:
    """The name in a clientInfo; empty where there is none."""
    try:
        return _client_info(raw).name if raw else ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def decode(body: bytes) -> Message | ToolCall:
    """The message in a POST body; raises BadEnvelope for what is not exactly one."""
    try:
        call = _tool_request(body)
        meta = _meta_of(bytes(call.params.meta))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _decode_request(body)
    rpc_id = bytes(call.id)
    if meta is None or rpc_id[0] not in _ID_STARTS:
        return _decode_request(body)
    return ToolCall(rpc_id, call.params.name, bytes(call.params.arguments), meta)


def _decode_request(body: bytes) -> Message:
    """What is no plain tools/call: other methods, other members, a parent of the caller's, bad types."""
    try:
        request = _request(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _decode_any(body)
    rpc_id = bytes(request.id)
    if request.jsonrpc != "2.0" or (rpc_id and rpc_id[0] not in _ID_STARTS):
        return _decode_any(body)
    method = method_named(request.method)
    members: dict[str, Any] = {"jsonrpc": "2.0", "method": request.method}
    if rpc_id:
        members["id"] = request.id
    params = bytes(request.params)
    if not params:
        return Message(method, rpc_id, members)
    return _with_params(method, rpc_id, members, params)


_metas: dict[bytes, _Meta] = {}


def _meta_of(raw: bytes) -> _Meta | None:
    """None when the caller names a parent. A client sends the same `_meta` again and again: read once."""
    known = _metas.get(raw)
    if known is not None:
        return known
    decoded = _call_meta(raw or b"{}")
    if decoded.traceparent is not _ABSENT:
        return None
    others = _encode(decoded)[1:-1]
    meta = _Meta(bytes(decoded.version), client_name(bytes(decoded.client)), b"," + others if others else b"")
    if decoded.progress_token is _ABSENT and len(raw) <= _META_BYTES:
        if len(_metas) >= _METAS:
            _metas.clear()
        _metas[raw] = meta
    return meta


def _decode_any(body: bytes) -> Message:
    """Answers of clients, messages with members of their own, and the exact complaint about bad ones."""
    members = _envelope_members(body)
    rpc_id = _id_of(members)
    if members.keys() - _ENVELOPE:
        _refuse_case_variants(members, _ENVELOPE, rpc_id)
    if bytes(members.get("jsonrpc", b"")) != _VERSION_2:
        raise BadEnvelope('"jsonrpc" must be "2.0"', INVALID_REQUEST, rpc_id=rpc_id or b"null")
    if "method" not in members:
        if rpc_id and ("result" in members or "error" in members):
            return Message(method_named("response"), b"", members)
        raise BadEnvelope('"method" is missing', INVALID_REQUEST, rpc_id=rpc_id or b"null")
    method = method_named(_text_member(members["method"], "method", rpc_id))
    if "params" not in members:
        return Message(method, rpc_id, members)
    return _with_params(method, rpc_id, members, bytes(members["params"]))


def _envelope_members(body: bytes) -> dict[str, Raw]:
    try:
        return _members(body)
    except msgspec.ValidationError:
        msg = "the body must be one JSON-RPC message (batches ended with revision 2025-06-18)"
        raise BadEnvelope(msg, INVALID_REQUEST) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        msg = f"the body is not JSON: {error}"
        raise BadEnvelope(msg, PARSE_ERROR) from None


def _with_params(method: Method, rpc_id: bytes, members: dict[str, Any], raw: bytes) -> Message:
    params = _object(raw, "params", rpc_id)
    if not params.keys() <= _PARAMS:
        _refuse_case_variants(params, _PARAMS, rpc_id)
    meta = None
    if "_meta" in params:
        meta = _object(params["_meta"], "params._meta", rpc_id)
        if not meta.keys() <= _META:
            _refuse_case_variants(meta, _META, rpc_id)
    name = ""
    if method.name_key and method.name_key in params:
        name = _text_member(params[method.name_key], f"params.{method.name_key}", rpc_id)
    return Message(method, rpc_id, members, params, meta, name)


def _id_of(members: dict[str, Raw]) -> bytes:
    raw = members.get("id")
    if raw is None:
        return b""
    rpc_id = bytes(raw)
    if rpc_id[0] not in _ID_STARTS:
        msg = '"id" must be a text or a number'
        raise BadEnvelope(msg, INVALID_REQUEST)
    return rpc_id


def _object(raw: Raw | bytes, where: str, rpc_id: bytes) -> dict[str, Any]:
    try:
        return _members(raw)
    except msgspec.DecodeError:
        msg = f'"{where}" must be an object'
        raise BadEnvelope(msg, INVALID_REQUEST, rpc_id=rpc_id or b"null") from None


def _text_member(raw: Raw, where: str, rpc_id: bytes) -> str:
    try:
        return _text(raw)
    except msgspec.DecodeError:
        msg = f'"{where}" must be a text'
        raise BadEnvelope(msg, INVALID_REQUEST, rpc_id=rpc_id or b"null") from None


def _refuse_case_variants(members: dict[str, Any], known: frozenset[str], rpc_id: bytes) -> None:
    for name in members:
        # `upper` too: to who folds upwards, a dotless i is an i
        if name not in known and not _FOLDED[known].isdisjoint((name.casefold(), name.upper().casefold())):
            msg = f'"{name}" differs from a known member only by case'
            raise BadEnvelope(msg, INVALID_REQUEST, rpc_id=rpc_id or b"null")


_FOLDED = {known: frozenset(name.casefold() for name in known) for known in (_ENVELOPE, _PARAMS, _META)}
