"""What a server answered, read just far enough to record and price it; the bytes travel on untouched."""

from collections.abc import Callable

import msgspec
from msgspec import Raw

_ABSENT = Raw(b"")
_SHOWN = 300
_CODES = range(-(2**31), 2**31)  # of any other no record can be made
_BLANKS = b" \n\t\r"
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ENVELOPE = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_NULL = b"null"


class RpcError(msgspec.Struct):
    """A JSON-RPC error; `code` and `message` only."""

    code: int = 0
    message: str = ""


class Reply(msgspec.Struct, gc=False):
    """A JSON-RPC message of a server. A response has exactly one of `result` and `error`."""

    id: Raw = _ABSENT
    method: str = ""
    result: Raw = _ABSENT
    error: Raw = _ABSENT

    @property
    def is_answer(self) -> bool:
        """Whether this is a response, not a request or notification of the server."""
        return (self.result is not _ABSENT or self.error is not _ABSENT) and not self.method

    @property
    def has_id(self) -> bool:
        """Whether it says which request it belongs to."""
        return bytes(self.id) not in (b"", _NULL)

    def answers(self, rpc_id: bytes) -> bool:
        """Whether this is the response to that request. Ids count by value: servers spell them anew."""
        return self.is_answer and (bytes(self.id) == rpc_id or _value(self.id) == _value(rpc_id))

    def is_foreign(self, rpc_id: bytes) -> bool:
        """Whether this answers another request than that; 1 and "1" are one id, as some clients read them.

        An error may have no id: its server could not read one.
        """
        if bytes(self.id) == rpc_id or not self.is_answer:
            return False
        if self.error is not _ABSENT and not self.has_id:
            return False
        mine, asked = _value(self.id), _value(rpc_id)
        return mine != asked and str(mine) != str(asked)

    def payload(self) -> bytes:
        """The raw result or error; empty for a request or notification of the server."""
        return bytes(self.result if self.error is _ABSENT else self.error)

    def failure(self) -> RpcError | None:
        """The error, if it is one."""
        if self.error is _ABSENT:
            return None
        try:
            found = _rpc_error(self.error)
        except _UNREADABLE:
            return RpcError(0, "an error that is not an object")
        return found if found.code in _CODES else RpcError(0, found.message)


def changed(raw: bytes, rewrite: Callable[[bytes], bytes]) -> bytes | None:
    """A message, or a batch of them, with its result rewritten; the same bytes where that changes nothing.

    None for what nobody can read for sure, which must not pass unchanged. What can be read in two ways (a
    member twice, or spelt in another case) is written anew with the one meaning that was looked at.
    """
    try:
        if raw.lstrip(_BLANKS)[:1] == b"[":
            encoded = _encode([_changed(item, rewrite) for item in _batch(raw)])
        else:
            encoded = _encode(_changed(raw, rewrite))
    except _UNREADABLE:
        return None
    return raw if is_same(encoded, raw) else encoded


def _changed(raw: bytes | Raw, rewrite: Callable[[bytes], bytes]) -> dict[str, Raw]:
    members = _members(raw)
    if not members.keys() <= _ENVELOPE:
        members = {
            name: value
            for name, value in members.items()
            if name in _ENVELOPE or name.casefold() not in _ENVELOPE
        }
    if "result" in members:
        members["result"] = Raw(rewrite(bytes(members["result"])))
    return members


def is_same(encoded: bytes, raw: bytes) -> bool:
    """Whether the one is the other but for blanks: then nothing in it came twice."""
    return encoded == raw or encoded.translate(None, _BLANKS) == raw.translate(None, _BLANKS)


def tool_failure(result: bytes) -> str | None:
    """Why a tool failed (`isError: true`): the beginning of its first text; None when it did not."""
    if b'"isError"' not in result:
        return None
    try:
        if not _call_result(result).isError:
            return None
    except _UNREADABLE:
        return None
    try:
        blocks = _failed_result(result).content
    except _UNREADABLE:
        blocks = []
    return next(
        (block.text[:_SHOWN] for block in blocks if block.text), "the tool failed and did not say why"
    )


class _CallResult(msgspec.Struct):
    isError: bool = False  # noqa: N815 - the name in the specification


class _Block(msgspec.Struct):
    text: str = ""


class _FailedResult(msgspec.Struct):
    content: list[_Block] = msgspec.field(default_factory=list)


_members = msgspec.json.Decoder(dict[str, Raw]).decode
_batch = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.Encoder().encode
_reply = msgspec.json.Decoder(Reply).decode
_rpc_error = msgspec.json.Decoder(RpcError).decode
_call_result = msgspec.json.Decoder(_CallResult).decode
_failed_result = msgspec.json.Decoder(_FailedResult).decode


def _value(raw_id: Raw | bytes) -> object:
    try:
        return msgspec.json.decode(raw_id)
    except _UNREADABLE:
        return object()  # equal to nothing


def parse(raw: bytes) -> Reply | None:
    """The response in these bytes; None when they are no JSON-RPC message.

    A null beside a result says that there is no error: JSON-RPC 1.0 wrote it, and clients read it so.
    """
    try:
        found = _reply(raw)
    except _UNREADABLE:
        return None
    if found.error is not _ABSENT and found.result is not _ABSENT and bytes(found.error) == _NULL:
        found.error = _ABSENT
    return found


def parse_all(raw: bytes) -> list[Reply]:
    """As `parse`, of a batch too (MCP 2025-03-26)."""
    one = parse(raw)
    if one is not None:
        return [one]
    try:
        batch = _batch(raw)
    except _UNREADABLE:
        return []
    return [found for item in batch if (found := parse(bytes(item))) is not None]
