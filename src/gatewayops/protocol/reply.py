"""What a server answered, read just far enough to record and price it; the bytes travel on untouched."""

import msgspec
from msgspec import Raw

_ABSENT = Raw(b"")


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


def says_tool_failed(result: bytes) -> bool:
    """Whether the result of a call carries `isError: true`."""
    if b'"isError"' not in result:
        return False
    try:
        return _call_result(result).isError
    except msgspec.DecodeError:
        return False


class _CallResult(msgspec.Struct):
    isError: bool = False  # noqa: N815 - the name in the specification


_reply = msgspec.json.Decoder(Reply).decode
_rpc_error = msgspec.json.Decoder(RpcError).decode
_call_result = msgspec.json.Decoder(_CallResult).decode


def parse(raw: bytes) -> Reply | None:
    """The response in these bytes; None when they are no JSON-RPC message."""
    try:
        return _reply(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
