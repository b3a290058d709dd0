"""python -m bench.masking: microseconds that masking takes, by size, with and without something found."""

import json
import time

from gatewayops.record.masking import Masker, masker_of
from gatewayops.store.snapshot import MaskingRow, MaskingRule

_SENTENCE = "The build of 2026-03-04T05:06:07Z took 41.5 s on host node-17; 3 of 120 checks were skipped. "
_TOKEN = "ghp_" + "Ab3" * 12
_ROUNDS = 7
_OWN_RULES = MaskingRow(
    "org_bench",
    rules=(
        *(MaskingRule(f"number-{at}", "regex", rf"\bCASE{at}-[0-9]{{6,10}}\b") for at in range(7)),
        MaskingRule("iban", "regex", r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}\b"),
        *(MaskingRule(f"field-{at}", "field", f"patient_{at}") for at in range(7)),
        MaskingRule("diagnosis", "field", "diagnosis"),
        MaskingRule("path-n", "json_path", "$.structuredContent.customer.number"),
        *(MaskingRule(f"path-{at}", "json_path", f"$..person_{at}[*].name") for at in range(3)),
    ),
)


def _answer(size: int, *, secret: str = "", structured: object = None) -> bytes:
    """A tool's result, as it is recorded: most of it text, with a line's end every 95 characters."""
    text = (_SENTENCE * (size // len(_SENTENCE) + 1))[: max(0, size - 110)] + secret
    result = {
        "content": [{"type": "text", "text": text}],
        "isError": False,
        "structuredContent": structured or {"n": 17},
    }
    return json.dumps(result).encode()


def _micros(masker: Masker, body: bytes) -> float:
    """The median round, a call each."""
    calls = max(20, 2_000_000 // (len(body) + 1000))
    rounds = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(calls):
            masker.body(body, 64 << 10)
        rounds.append((time.process_time() - start) / calls * 1e6)
    return sorted(rounds)[_ROUNDS // 2]


def _rows(*, secret: str = "", structured: object = None) -> bytes:
    """A result that is JSON throughout, once as text and once as such."""
    rows = [{"id": at, "name": f"name {at}", "ok": True, "tags": ["a", "b"]} for at in range(17)]
    text = json.dumps({"rows": rows, "note": secret})
    structured = {"rows": rows} | (structured if isinstance(structured, dict) else {})
    return json.dumps({"content": [{"type": "text", "text": text}], "structuredContent": structured}).encode()


def _print_own_rules() -> None:
    """20 rules of an organisation's own: 8 patterns, 8 fields, 4 paths."""
    own = masker_of(_OWN_RULES)
    print("\nwith 20 own rules")
    print(f"{'size':>8} {'nothing':>9} {'pattern':>9} {'field':>9} {'path':>9} {'all':>9}   (µs)")
    pattern, field, path = " for CASE3-1234567", ' {"diagnosis": "x"}', {"customer": {"number": 5}}
    for size in (400, 2300, 64 << 10):
        bodies = (
            _answer(size), _answer(size, secret=pattern), _answer(size, secret=field),
            _answer(size, structured=path), _answer(size, secret=pattern + field, structured=path),
        )  # fmt: skip
        print(f"{len(bodies[0]):>8} " + " ".join(f"{_micros(own, body):>9.1f}" for body in bodies))
    bodies = (
        _rows(), _rows(secret=pattern), _rows(secret=field),
        _rows(structured=path), _rows(secret=pattern + field, structured=path),
    )  # fmt: skip
    print(
        f"{len(bodies[0]):>8} " + " ".join(f"{_micros(own, body):>9.1f}" for body in bodies) + "   all JSON"
    )


def main() -> None:
    """Prints the tables."""
    plain, contacts = Masker(), Masker(contacts=True)
    print(f"{'size':>8} {'nothing':>9} {'one token':>10} {'password':>9} {'contacts on':>12}   (µs)")
    for size in (400, 2300, 64 << 10):
        clean = _answer(size)
        token = _answer(size, secret=f" see {_TOKEN}")
        field = _answer(size, secret=' {"password": "hunter2"}')
        print(
            f"{len(clean):>8} {_micros(plain, clean):>9.1f} {_micros(plain, token):>10.1f}"
            f" {_micros(plain, field):>9.1f} {_micros(contacts, clean):>12.1f}"
        )
    _print_own_rules()


if __name__ == "__main__":
    main()
