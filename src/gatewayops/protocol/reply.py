"""What a server answered, read just far enough to record and price it; the bytes travel on untouched."""

import msgspec
from msgspec import Raw

_ABSENT = Raw(b"")
_SHOWN = 300


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

    def answers(self, rpc_id: bytes) -> bool:
        """Whether this is the response to that request. Ids count by value: servers spell them anew."""
        return self.is_answer and (bytes(self.id) == rpc_id or _value(self.id) == _value(rpc_id))

    def payload(self) -> bytes:
        """The raw result or error; empty for a request or notification of the server."""
        return bytes(self.result if self.error is _ABSENT else self.error)

    def failure(self) -> RpcError | None:
        """The error, if it is one."""
        if self.error is _ABSENT:
            return None
        try:
            return _rpc_error(self.error)
        except msgspec.DecodeError:
            return RpcError(0, "an error that is not an object")


def with_result(raw: bytes, result: bytes) -> bytes:
    """The response with another result; all else as it was."""
    members = _members(raw)
    members["result"] = Raw(result)
    return _encode(members)


def tool_failure(result: bytes) -> str | None:
    """Why a tool failed (`isError: true`): the beginning of its first text; None when it did not."""
    if b'"isError"' not in result:
        return None
    try:
        if not _call_result(result).isError:
            return None
        blocks = _failed_result(result).content
    except msgspec.DecodeError:
        return None
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
_encode = msgspec.json.Encoder().encode
_reply = msgspec.json.Decoder(Reply).decode
_rpc_error = msgspec.json.Decoder(RpcError).decode
_call_result = msgspec.json.Decoder(_CallResult).decode
_failed_result = msgspec.json.Decoder(_FailedResult).decode


def _value(raw_id: Raw | bytes) -> object:
    try:
        return msgspec.json.decode(raw_id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return object()  # equal to nothing


def parse(raw: bytes) -> Reply | None:
    """The response in these bytes; None when they are no JSON-RPC message."""
    try:
        return _reply(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
