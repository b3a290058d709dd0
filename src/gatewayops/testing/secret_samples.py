"""Made-up secrets of every kind that records must not hold, the places they hide in.

All from a seeded generator, so that a failure can be repeated; nothing here opens anything.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

WORD = string.ascii_letters + string.digits
URL64 = WORD + "-_"
BASE64 = WORD + "+/"
HEX = "0123456789abcdef"
Make = Callable[[random.Random], str]
Secret = Callable[[random.Random], tuple[str, str]]
"""The text, and what of it must not survive."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`text` holds a secret in its usual form; nothing of `secret` may survive."""

    kind: str
    text: str
    secret: str


def some(rng: random.Random, letters: str, length: int) -> str:
    return "".join(rng.choice(letters) for _ in range(length))


def _prefixed(prefixes: str, letters: str, length: int) -> Secret:
    """One of `prefixes` (words), then `length` random letters."""

    def make(rng: random.Random) -> tuple[str, str]:
        secret = some(rng, letters, length)
        return rng.choice(prefixes.split(" ")) + secret, secret

    return make


def _all(make: Make) -> Secret:
    def whole(rng: random.Random) -> tuple[str, str]:
        text = make(rng)
        return text, text

    return whole


def _card(rng: random.Random) -> str:
    prefix, length = rng.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2223", 16), ("34", 15), ("37", 15), ("6011", 16), ("3530", 16)]
    )
    digits = prefix + some(rng, string.digits, length - len(prefix) - 1)
    check = next(c for c in string.digits if is_luhn(digits + c))
    return digits + check


def is_luhn(digits: str) -> bool:
    doubled = [int(c) * (1 + place % 2) for place, c in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _spaced_card(rng: random.Random) -> str:
    digits, separator = _card(rng), rng.choice(" -")
    cuts = (4, 10) if len(digits) == 15 else (4, 8, 12)
    return separator.join(digits[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True))


def _ssn(rng: random.Random) -> str:
    area = rng.choice([*range(1, 666), *range(667, 900)])
    return f"{area:03}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"


def _jwt(rng: random.Random) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    claims = json.dumps({"sub": some(rng, HEX, 12), "n": rng.randint(0, 10**6)})
    body = base64.urlsafe_b64encode(claims.encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{some(rng, URL64, 43)}"


def _pem(rng: random.Random) -> tuple[str, str]:
    label = rng.choice(["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"])
    return _block(rng, label)


def _pgp(rng: random.Random) -> tuple[str, str]:
    return _block(rng, "PGP PRIVATE KEY BLOCK")


def _block(rng: random.Random, label: str) -> tuple[str, str]:
    lines = [some(rng, BASE64, 64) for _ in range(rng.randint(3, 26))] + [some(rng, BASE64, 30) + "=="]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"]), "".join(lines)


def _basic(rng: random.Random) -> tuple[str, str]:
    pair = f"{some(rng, string.ascii_lowercase, 6)}:{some(rng, WORD, 14)}"
    secret = base64.b64encode(pair.encode()).decode()
    return f"Basic {secret}", secret


def _bearer(rng: random.Random) -> tuple[str, str]:
    secret = some(rng, WORD, 40)
    return f"Bearer {secret}", secret


def _aws_pair(rng: random.Random) -> str:
    return f"AKIA{some(rng, string.ascii_uppercase + '234567', 16)}:{some(rng, BASE64, 40)}"


def _own_key(rng: random.Random) -> tuple[str, str]:
    secret = some(rng, WORD, 32)
    return f"gwo_{rng.choice(['prod', 'dev', 'staging'])}_{secret}", secret[4:]


def _url(rng: random.Random) -> tuple[str, str]:
    scheme = rng.choice(["postgres", "redis", "https", "mongodb+srv", "amqp"])
    secret = some(rng, WORD + "!$*-._~", 18)
    return f"{scheme}://app:{secret}@db.example.com:5432/main", secret


KINDS: dict[str, Secret] = {
    "card": _all(_card),
    "spaced card": _all(_spaced_card),
    "social security number": _all(_ssn),
    "private key": _pem,
    "pgp key": _pgp,
    "jwt": _all(_jwt),
    "aws key id": _prefixed("AKIA ASIA", string.ascii_uppercase + string.digits, 16),
    "aws pair": _all(_aws_pair),
    "github token": _prefixed("ghp_ gho_ ghu_ ghs_ ghr_", WORD, 36),
    "github fine-grained": _prefixed("github_pat_", WORD + "_", 82),
    "gitlab token": _prefixed("glpat-", URL64, 20),
    "slack token": _prefixed("xoxa-1234567890- xoxb-1234567890- xoxp-1- xoxr- xoxs-", WORD, 24),
    "slack app token": _prefixed("xapp-1-A0", WORD + "-", 60),
    "slack webhook": _prefixed("https://hooks.slack.com/services/T0AB1CD2E/B0AB1CD2E/", WORD, 24),
    "stripe key": _prefixed("sk_live_ sk_test_ rk_live_ rk_test_", WORD, 24),
    "stripe webhook secret": _prefixed("whsec_", WORD, 32),
    "google key": _prefixed("AIza", URL64, 35),
    "google token": _prefixed("ya29.", URL64, 120),
    "google secret": _prefixed("GOCSPX-", URL64, 28),
    "openai key": _prefixed("sk-", WORD, 48),
    "openai project key": _prefixed("sk-proj-", URL64, 120),
    "anthropic key": _prefixed("sk-ant-api03-", URL64, 95),
    "our key": _own_key,
    "bearer token": _bearer,
    "basic credentials": _basic,
    "url password": _url,
    "npm token": _prefixed("npm_", WORD, 36),
    "hugging face token": _prefixed("hf_", WORD, 34),
}
"""Secrets that say what they are, wherever they stand."""

FIELDS = (
    "password", "passwd", "pwd", "passphrase", "secret", "client_secret", "clientSecret", "api_key", "apikey",
    "apiKey", "X-Api-Key", "access_token", "accessToken", "refresh_token", "id_token", "private_key",
    "secret_key", "aws_secret_access_key", "DB_PASSWORD", "userPassword", "new_password",
)  # fmt: skip


def samples(seed: int, *, per_kind: int) -> Iterator[Sample]:
    """`per_kind` of each of KINDS."""
    rng = random.Random(seed)  # noqa: S311 - repeatable samples, no secrets of anyone
    for kind, make in KINDS.items():
        for _ in range(per_kind):
            yield Sample(kind, *make(rng))


PLACES: dict[str, Callable[[str], str]] = {
    "plain": lambda s: s,
    "prose": lambda s: f"please use {s} for it, and then tell me",
    "json value": lambda s: json.dumps({"a": 1, "text": s, "b": [True]}),
    "json compact": lambda s: json.dumps(
        {"content": [{"type": "text", "text": f"x {s}"}]}, separators=(",", ":")
    ),
    "json key": lambda s: json.dumps({s: {"n": 1}}),
    "json in json": lambda s: json.dumps({"text": json.dumps({"note": s, "n": [2]})}),
    "json in json in json": lambda s: json.dumps(
        {"text": json.dumps({"t": json.dumps({"note": f"\n{s}\n"})})}
    ),
    "query string": lambda s: f"https://api.example.com/v1?q={quote_plus(s)}&page=2",
    "header line": lambda s: f"Accept: */*\r\nX-Note: {s}\r\nHost: example.com",
    "code": lambda s: json.dumps({"text": f'import os\nvalue = "{s}"  # here\nprint(value)\n'}),
    "shell": lambda s: json.dumps({"cmd": f"export VALUE='{s}' && run --with {s} -v"}),
    "xml": lambda s: f"<note><body>{escape(s)}</body></note>",
    "markdown": lambda s: json.dumps({"text": f"# Notes\n\n- the value is `{s}`\n\n```\n{s}\n```\n"}),
    "escaped": lambda s: (
        json.dumps({"text": s}).replace("s", "\\u0073").replace("A", "\\u0041").replace("/", "\\/")
    ),
    "all escaped": lambda s: '{"text": "' + "".join(f"\\u{ord(c):04x}" for c in s) + '"}',
    "escaped twice": lambda s: json.dumps({"t": '{"t": "' + "".join(f"\\u{ord(c):04X}" for c in s) + '"}'}),
    "beside accents": lambda s: json.dumps({"text": f"é{s}ß · {s}"}),
    "raw accents": lambda s: json.dumps({"text": f"clé: {s} · schön"}, ensure_ascii=False),
}
"""Where a secret hides; each gives valid JSON or plain text."""

FIELD_PLACES: dict[str, Callable[[str, str], str]] = {
    "json": lambda f, s: json.dumps({"user": "bob", f: s, "n": 1}),
    "json pretty": lambda f, s: json.dumps({"a": {f: s}, "n": 1}, indent=2),
    "json nested value": lambda f, s: json.dumps({f: {"current": [s, {"old": s}]}, "n": 1}),
    "json array": lambda f, s: json.dumps({f: [s, s], "n": 1}),
    "json in json": lambda f, s: json.dumps({"text": json.dumps({"user": "bob", f: s, "n": 1})}),
    "json in json in json": lambda f, s: json.dumps({"t": json.dumps({"t": json.dumps({f: s, "n": [1]})})}),
    "nested in json in json": lambda f, s: json.dumps({"t": json.dumps({f: {"x": [s]}, "n": "]"})}),
    "name and value": lambda f, s: json.dumps({"env": [{"name": f, "value": s}, {"name": "A"}]}),
    "assignment": lambda f, s: json.dumps({"text": f"a = 1\n{f} = {s!r}\nb = 2"}),
    "shell": lambda f, s: json.dumps({"text": f"export {f}={json.dumps(s)}; run"}),
    "query string": lambda f, s: f"https://example.com/login?user=bob&{f}={quote_plus(s)}&next=1",
    "form": lambda f, s: json.dumps({"body": f"user=bob&{f}={quote_plus(s)}"}),
    "xml": lambda f, s: json.dumps({"text": f"<login><{f}>{escape(s)}</{f}></login>"}),
    "yaml": lambda f, s: json.dumps({"text": f"db:\n  user: bob\n  {f}: {json.dumps(s)}\n"}),
    "flag": lambda f, s: json.dumps({"argv": ["run", f"--{f}", s, "-v"]}),
    "escaped name": lambda f, s: json.dumps({f: s}).replace(f[0], f"\\u{ord(f[0]):04x}", 1),
    "escaped quotes": lambda f, s: json.dumps({"t": json.dumps({f: s})}).replace('\\"', "\\u0022"),
}  # fmt: skip


def field_samples(seed: int, *, count: int) -> Iterator[tuple[str, str]]:
    """A field's name, and a password made of letters, digits, punctuation, and now and then other scripts."""
    rng = random.Random(seed)  # noqa: S311 - repeatable samples, no secrets of anyone
    letters = WORD * 3 + string.punctuation + "äß漢"
    for _ in range(count):
        yield (
            rng.choice(FIELDS),
            rng.choice(WORD) + some(rng, letters, rng.randint(9, 30)) + rng.choice(WORD),
        )
