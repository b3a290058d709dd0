"""Which names say that their value is a secret: `password`, `client_secret`, `X-Api-Key`, `accessToken`."""

_LINK = "[ _.-]?"
_CORE = (
    "pass(?:word|wd|phrase|code)|pwd|secret|credentials?|authorization|cookie|mnemonic"
    rf"|(?:seed|recovery){_LINK}phrase"
    rf"|(?:api|private|secret|signing|encryption|master|access|account|shared|client|storage){_LINK}key"
    r"|token|\bpass|_pass"
    rf"|\bcv[vc]2?|\bssn|social{_LINK}security(?:{_LINK}(?:number|no))?"
)
_SUFFIX = rf"(?:s|{_LINK}(?:[0-9]+|value|text|plain|raw|hash|base64|b64|new|old|current|confirm(?:ation)?))?"
NAME = rf"(?:{_CORE}){_SUFFIX}"
"""Matched without regard to case, at the end of a name."""

_NAME_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.$")
_LONGEST_NAME = 64
# Names that end in "token" or "pass" without being secrets are many; these kinds of token always are.
_SECRET_TOKENS = (
    "access", "refresh", "id", "auth", "session", "bearer", "api", "client", "security", "private", "secret",
    "bot", "oauth", "oauth2", "user", "service", "jwt", "csrf", "xsrf", "sas", "device", "personal", "login",
    "reset", "verification", "github", "gitlab", "slack", "npm", "pypi", "hf", "vault", "app", "deploy",
)  # fmt: skip

_POSITIONS = ("page", "next", "continuation", "continue", "cursor", "sync", "progress")


def full_name(raw: bytes, start: int) -> bytes:
    """The name that the match at `start` ends: letters, digits, `_`, `-`, `.` and `$` in front of it too.

    The letter of an escape such as `\\n` in front is none of the name.
    """
    first = start
    while first > max(0, start - _LONGEST_NAME) and raw[first - 1] in _NAME_BYTES:
        first -= 1
    if first and raw[first - 1] == 0x5C and first < start:
        first += 1
    return raw[first:start]


def is_weak(name: bytes) -> bool:
    """Whether only the value can tell: `token` and `pass` are also words of other trades."""
    letters = name.decode("latin-1").lower().replace("-", "").replace("_", "").replace(".", "")
    stem, found, _ = letters.rpartition("token")
    if found:
        return not stem.endswith(_SECRET_TOKENS)
    return letters == "pass"


def is_position(name: bytes) -> bool:
    """Whether this is where a list goes on (`nextPageToken`), or MCP's progress token: never secret."""
    stem, found, _ = name.decode("latin-1").lower().rpartition("token")
    return bool(found) and stem.rstrip("_-.").endswith(_POSITIONS)


def is_working_directory(name: bytes, value: bytes) -> bool:
    """A shell's PWD and OLDPWD are paths."""
    return name.lstrip(b"$") in (b"PWD", b"OLDPWD") and value.startswith(b"/")


def runs_to_line_end(name: bytes) -> bool:
    """Whether the value may hold spaces: a header's credentials, cookies, a phrase of words."""
    lower = name.lower()
    return any(word in lower for word in (b"authorization", b"cookie", b"phrase", b"mnemonic"))
