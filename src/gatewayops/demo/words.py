"""Fills templates: every `<place>` gets one of the texts that are prepared for it.

Texts are ready for a JSON string. Cards, tokens and e-mail addresses look real, so that masking has work to
do; they are invented, and made here at each run so that none is written down anywhere.
"""

import json
import re
from collections.abc import Callable
from random import Random
from string import ascii_letters, digits

_PLACE = re.compile(r"<([a-z_]+)>")
_POOL, _LONG_POOL = 240, 60  # texts a place: made once, not once a call
_VERBS = ("add", "fix", "remove", "speed up", "document", "retry", "split", "rename", "cache", "guard")
_NOUNS = (
    *("invoice export", "login page", "refund flow", "search index", "webhook", "rate limiter", "cart total"),
    *("push notification", "price table", "session timeout", "CSV import", "retry queue", "audit view"),
)
_FIXED = {
    "repo": ("storefront", "payments", "mobile", "infra", "warehouse", "helpdesk", "design-system"),
    "branch": ("main", "release/4.2", "fix/cart-total", "feat/passkeys", "chore/deps", "feat/search"),
    "path": (
        *("src/cart/total.py", "src/api/routes.py", "web/app/login.tsx", "infra/cluster.tf", "README.md"),
        *("src/billing/invoice.py", "db/migrations/0042.sql", "mobile/lib/push.dart", "tests/test_refund.py"),
    ),
    "symbol": ("compute_total", "RetryPolicy", "parse_invoice", "render_cart", "LoginForm", "refund"),
    "table": ("orders", "invoices", "customers", "payments", "shipments", "events"),
    "tables": ("orders, invoices, customers, payments, shipments, events",),
    "channel": ("support", "deploys", "incidents", "checkout", "random", "billing"),
    "channels": ("#support, #deploys, #incidents, #checkout, #random, #billing",),
    "site": ("docs.python.example", "news.example", "status.example", "kubernetes.example", "shop.example"),
    "slug": ("getting-started", "changelog", "pricing", "2026/11/release", "faq", "reference/retry"),
    "state": ("To Do", "In Progress", "In Review", "Done"),
    "word": ("refund", "timeout", "login", "invoice", "cart", "webhook"),
    "product": ("rain jacket", "trail shoes", "wool socks", "head torch", "thermos", "tent pegs", "day pack"),
    "city": ("Lisbon", "Hamburg", "Oslo", "Lyon", "Graz"),
}
_NAMES = ("Maria", "Paul", "Yuki", "Aisha", "Omar", "Clara", "Felix", "Rosa", "Ivan", "Noor")


def parts_of(template: str, *, is_text: bool = False) -> tuple[str, ...]:
    """The template cut at its places: literal, place, literal, … A text is made ready for a JSON string."""
    return tuple(_PLACE.split(json.dumps(template)[1:-1] if is_text else template))


class Words:
    """What may stand at each place; the same seed, the same texts."""

    def __init__(self, random: Random) -> None:
        """Prepares the texts."""
        self._random = random
        self._pools: dict[str, tuple[str, ...]] = dict(_FIXED)
        for place, made in _MAKERS.items():
            self._pools[place] = tuple(made(random) for _ in range(_POOL))
        for place, (least, most, line) in _LONG.items():
            self._pools[place] = tuple(_lines(random, least, most, line) for _ in range(_LONG_POOL))

    def fill(self, parts: tuple[str, ...]) -> str:
        """A template with its places filled."""
        if len(parts) == 1:
            return parts[0]
        roll, pools = self._random.random, self._pools
        filled = list(parts)
        for at in range(1, len(parts), 2):
            pool = pools[parts[at]]
            filled[at] = pool[int(roll() * len(pool))]
        return "".join(filled)


def _phrase(random: Random) -> str:
    return f"{random.choice(_VERBS)} {random.choice(_NOUNS)}"


def _prose(random: Random) -> str:
    return " ".join(
        f"{_phrase(random).capitalize()}; it {random.choice(('blocks', 'delays', 'confuses'))} customers."
        for _ in range(random.randint(1, 4))
    )


def _lines(random: Random, least: int, most: int, line: str) -> str:
    picks = _Picks(random)
    made = [line.format_map(picks) for _ in range(random.randint(least, most))]
    return json.dumps("\n".join(made))[1:-1]


class _Picks(dict[str, str]):
    """Picks anew whenever a line asks."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    def __missing__(self, place: str) -> str:
        made = _MAKERS.get(place)
        return made(self._random) if made is not None else self._random.choice(_FIXED[place])


def _email(random: Random) -> str:
    return f"{random.choice(_NAMES).lower()}.{random.randint(10, 999)}@example.com"


def _amount(random: Random) -> str:
    return f"{random.lognormvariate(3.8, 0.8):.2f}"


def _card(random: Random) -> str:
    """Sixteen digits whose last one fits (Luhn), in groups of four."""
    number = [4, *(random.randrange(10) for _ in range(14))]
    doubled = [(2 * digit - 9 if digit > 4 else 2 * digit) for digit in number[::2]]
    number.append(-(sum(doubled) + sum(number[1::2])) % 10)
    text = "".join(map(str, number))
    return " ".join(text[at : at + 4] for at in range(0, 16, 4))


def _token(random: Random) -> str:
    return "ghp_" + "".join(random.choices(ascii_letters + digits, k=36))


_MAKERS: dict[str, Callable[[Random], str]] = {
    "n": lambda random: str(random.randint(100, 99_999)),
    "sha": lambda random: f"{random.getrandbits(40):010x}",
    "amount": _amount,
    "email": _email,
    "card": _card,
    "token": _token,
    "phrase": _phrase,
    "prose": _prose,
}
_LONG = {  # at least and at most so many lines like this
    "paths": (3, 18, "{repo}/{path}:{n}"),
    "commits": (4, 20, "{sha} {phrase} ({email})"),
    "issues": (3, 14, "#{n} {phrase}"),
    "tickets": (3, 14, "ACME-{n} [{state}] {phrase}"),
    "messages": (2, 12, "{email}: {phrase}?"),
    "rows": (1, 20, "{n} | {email} | {state} | {amount}"),
    "customers": (1, 6, "cus_{n} {email} since 2025"),
    "payments": (2, 12, "ch_{n} {amount} EUR succeeded"),
    "products": (3, 12, "SKU-{n} {product} {amount} EUR"),
    "links": (3, 12, "https://{site}/{slug} {phrase}"),
    "page": (6, 40, "{phrase}. See https://{site}/{slug}, or ask #{channel}."),
    "code": (6, 40, "    {symbol}({n})  # {phrase}"),
    "findings": (2, 12, "{path}:{n} {symbol}: {phrase}"),
}
