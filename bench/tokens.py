"""python -m bench.tokens: what it costs a call to know its caller by an access token, seen before or new.

What a known token costs comes on top of what an API key does. CPU time; a busy machine shows in the medians.
"""

import hashlib
import os
import time
from collections.abc import Callable
from statistics import median

from bench.report import Goal
from gatewayops.gateway.call import Call
from gatewayops.gateway.head import Heads
from gatewayops.gateway.hosts import HostCheck
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.gateway.visitors import Visitors
from gatewayops.identity.oauth.access_tokens import AccessTokens
from gatewayops.store import snapshot as sn
from gatewayops.store.oauth_addresses import Site
from gatewayops.testing.token_signer import TokenSigner

_URL = "http://127.0.0.1:8080"
_ROUNDS = 15
_REVOKED = 10_000
_SCOPES = ("files:read", "files:write")


class Waiting:
    """A request that nobody answers."""

    client = "192.0.2.7"
    is_late = False

    def __init__(self, token: str) -> None:
        """A POST to the server `tools`."""
        lines = [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer " + token.encode())]
        self.head = Heads(HostCheck(GatewaySettings())).read("POST", b"/v1/mcp/tools", "1.1", lines)


def rules(signer: TokenSigner) -> sn.Snapshot:
    """A protected server, and many revocations of others."""
    server = sn.ServerRow(
        "srv_1", "org_default", "tools", _URL, 5.0, 2.0, 2, 100, True,
        auth=sn.PLATFORM_OAUTH, slug="tools", oauth_scopes=_SCOPES,
    )  # fmt: skip
    revoked = (sn.RevocationRow("org_default", "token", f"tok_{n}", 2**40) for n in range(2, _REVOKED))
    return sn.Snapshot(
        1, time.time(), servers=(server,), signing_keys=(signer.row,), revocations=tuple(revoked)
    )


def micros(run: Callable[[], object], *, calls: int) -> tuple[float, float]:
    """Of a call, the best and the median of the rounds, in CPU time."""
    seen = []
    for _ in range(_ROUNDS):
        begun = time.process_time_ns()
        for _ in range(calls):
            run()
        seen.append((time.process_time_ns() - begun) / calls / 1000)
    return min(seen), median(seen)


def main() -> None:
    """Prints the figures and whether the goals are met."""
    signer = TokenSigner(_URL)
    snapshot = rules(signer)
    tokens = AccessTokens(Site(_URL))
    visitors = Visitors(tokens, Site(_URL), address_key=b"k" * 32)
    visitors.replace(snapshot)
    token = signer.token("tools", scope=" ".join(_SCOPES))
    call = Call(Waiting(token), "tools", "mcp")  # type: ignore[arg-type]  # it is never answered
    assert visitors.admit(call) is not None
    assert visitors.recognise(call) is not None
    raw, server = token.encode(), snapshot.servers[0]
    digest = hashlib.sha256(raw).digest()
    figures = (
        ("a known token", micros(lambda: visitors.recognise(call), calls=20_000), 5),
        ("a new token", micros(lambda: tokens.verify(raw, digest, server), calls=300), 200),
    )
    for what, (best, middle), most in figures:
        goal = Goal(what, middle, most, "µs")
        mark = "met    " if goal.is_met else "NOT met"
        print(f"  {mark}  {what}: {middle:.2f} µs, at best {best:.2f} (goal: at most {most} µs)")
    _, middle = micros(lambda: tokens.replace(snapshot), calls=3)
    print(f"  taking over {_REVOKED:,} revocations: {middle:,.0f} µs; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
