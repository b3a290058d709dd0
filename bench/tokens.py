"""python -m bench.tokens: what it costs a call to know its caller by an access token, seen before or new.

What a known token costs comes on top of what an API key does. CPU time; a busy machine shows in the medians.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from statistics import median
from types import SimpleNamespace

from bench.report import Goal
from gatewayops.gateway.call import Call
from gatewayops.gateway.head import Heads
from gatewayops.gateway.hosts import HostCheck
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.gateway.token_check import TokenCheck
from gatewayops.gateway.visitors import Visitors
from gatewayops.identity.oauth.access_tokens import AccessTokens
from gatewayops.identity.principal import Principal
from gatewayops.policy.grants import Grants
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


class _Checks:
    """`POST /api/mcp-auth/validate` as the gateway answers it: key and token known, the body read."""

    method, head = "POST", Waiting("gwo_dev_known").head
    is_late = False

    def __init__(self, visitors: Visitors, token: str) -> None:
        """The key may read end users of every server."""
        caller = Principal("org_default", "key_1", servers=("*",), actions=("end_users.read",))
        keys = SimpleNamespace(known=lambda _: caller)
        governance = SimpleNamespace(decide_control=Grants(sn.EMPTY).decide_control)
        live = SimpleNamespace(is_ready=True, authenticator=keys, governance=governance, visitors=visitors)
        self._check = TokenCheck(live)  # type: ignore[arg-type]  # all that it asks of it
        self._body = json.dumps({"token": token, "server": "tools"}).encode()

    async def receive(self) -> dict[str, object]:
        """The whole body at once."""
        return {"type": "http.request", "body": self._body, "more_body": False}

    def ask(self) -> None:
        """Nothing in it waits, so one step ends it."""
        try:
            self._check.answer({"method": "POST", "cycle": self}).send(None)
        except StopIteration as done:
            self.told: bytes = done.value


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
    checks = _Checks(visitors, token)
    checks.ask()
    assert b'"valid":true' in checks.told
    raw, server = token.encode(), snapshot.servers[0]
    digest = hashlib.sha256(raw).digest()
    figures = (
        ("a known token", micros(lambda: visitors.recognise(call), calls=20_000), 5),
        ("a new token", micros(lambda: tokens.verify(raw, digest, server), calls=300), 200),
        ("a question of a customer's server", micros(checks.ask, calls=2_000), 1_000),
    )
    for what, (best, middle), most in figures:
        goal = Goal(what, middle, most, "µs")
        mark = "met    " if goal.is_met else "NOT met"
        print(f"  {mark}  {what}: {middle:.2f} µs, at best {best:.2f} (goal: at most {most} µs)")
    _, middle = micros(lambda: tokens.replace(snapshot), calls=3)
    print(f"  taking over {_REVOKED:,} revocations: {middle:,.0f} µs; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
