"""python -m bench.masking: microseconds that masking takes, by size, with and without something found."""

import json
import time

from gatewayops.record.masking import Masker

_SENTENCE = "The build of 2026-03-04T05:06:07Z took 41.5 s on host node-17; 3 of 120 checks were skipped. "
_TOKEN = "ghp_" + "Ab3" * 12
_ROUNDS = 7


def _answer(size: int, *, secret: str = "") -> bytes:
    text = (_SENTENCE * (size // len(_SENTENCE) + 1))[: max(0, size - 110)] + secret
    result = {"content": [{"type": "text", "text": text}], "isError": False, "structuredContent": {"n": 17}}
    return json.dumps({"jsonrpc": "2.0", "id": 7, "result": result}).encode()


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


def main() -> None:
    """Prints the table."""
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


if __name__ == "__main__":
    main()
