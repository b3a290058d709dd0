"""Texts as MCP servers give them in which nothing is secret, to measure false alarms."""

import base64
import json
import random
import string
from collections.abc import Iterator

from gatewayops.testing.secret_samples import BASE64, HEX, URL64, Make, is_luhn, some


def innocent(seed: int, count: int) -> Iterator[str]:
    """Texts as MCP servers give them, in which nothing is secret."""
    rng = random.Random(seed)  # noqa: S311 - repeatable samples
    for at in range(count):
        yield _INNOCENT[at % len(_INNOCENT)](rng)


def _uuid(rng: random.Random) -> str:
    digits = some(rng, HEX, 32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _not_a_card(rng: random.Random) -> str:
    digits = some(rng, string.digits, rng.randint(13, 19))
    return digits if not is_luhn(digits) else digits[:-1] + str((int(digits[-1]) + 1) % 10)


def _isbn(rng: random.Random) -> str:
    return f"978-{rng.randint(0, 9)}-{rng.randint(10, 99)}-{rng.randint(100000, 999999)}-{rng.randint(0, 9)}"


_PROSE = (
    "The token bucket refills each second; tokens left over are not kept. ",
    "Reset your password from the account page, then sign in. ",
    "Bearer authentication is described in chapter 4, basic concepts in chapter 1. ",
    "The secret of a good soup: patience. ",
    "A private key belongs to its owner; a public key to everybody. ",
    "See the risk-assessment and the task-force minutes of 2026-01-15. ",
    "Version 3.141592653589793 of the sk-learn-extra notes, pages 120-125. ",
)
_CODE = (
    "def total(items: list[int]) -> int:\n    return sum(items)  # 42\n",
    "for (let i = 0; i < tokens.length; i++) { count += tokens[i].size }\n",
    "SELECT id, created_at FROM orders WHERE total > 100.50 AND id = 1234567 LIMIT 10;\n",
    "token_count = len(encode(text))\nmax_tokens: 4096\n",
    "const key = sha(name) + ':' + page; // cache key\n",
)
_INNOCENT: tuple[Make, ...] = (
    _uuid,
    lambda rng: json.dumps({"sha": some(rng, HEX, 40), "parent": some(rng, HEX, 64)}),
    lambda rng: json.dumps(
        {"ts": rng.randint(1_500_000_000_000, 1_900_000_000_000), "ns": rng.randint(10**18, 2 * 10**18)}
    ),
    lambda rng: (
        f"2026-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}T10:{rng.randint(10, 59)}:00.{rng.randint(0, 9999)}Z"
    ),
    lambda rng: json.dumps(
        {"price": rng.randint(1, 10**7) / 100, "total": f"{rng.randint(1, 10**6):,}.00 EUR"}
    ),
    _isbn,
    lambda rng: f"order {rng.randint(100, 999)}-{some(rng, string.digits, 7)}-{some(rng, string.digits, 7)}",
    lambda rng: "".join(rng.choice(_CODE) for _ in range(4)),
    lambda rng: json.dumps({"data": base64.b64encode(rng.randbytes(3000)).decode(), "mimeType": "image/png"}),
    lambda rng: "".join(rng.choice(_PROSE) for _ in range(5)),
    _not_a_card,
    lambda rng: json.dumps(
        {"vector": [rng.random() for _ in range(40)], "_meta": {"progressToken": rng.randint(1, 99)}}
    ),
    lambda rng: (
        f"{rng.randint(1, 9)} or room {rng.randint(100, 999)}, 12:30-13:4, 10.0.{rng.randint(0, 255)}.7:8080"
    ),
    lambda rng: json.dumps(
        {"nextCursor": base64.b64encode(json.dumps({"id": rng.random()}).encode()).decode()}
    ),
    lambda rng: f"http://example.com:8080/{some(rng, URL64, 24)}?page={rng.randint(1, 99)}&sort=name@asc",
    lambda rng: json.dumps(
        {"token_count": rng.randint(1, 9999), "totalTokens": rng.randint(1, 9999), "token": "word"}
    ),
    lambda rng: json.dumps(
        {"inputSchema": {"properties": {"password": {"type": "string", "minLength": rng.randint(1, 9)}}}}
    ),
    lambda rng: json.dumps(
        {"etag": f'W/"{some(rng, HEX, 32)}"', "integrity": "sha512-" + some(rng, BASE64, 86) + "=="}
    ),
)
