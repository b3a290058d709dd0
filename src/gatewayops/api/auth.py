"""Who calls the control API: a key or a person's session, looked up in the store on every request, so that
one that was revoked ends at once.

Only bcrypt's verdict is remembered (which stored secret a SHA-256 belongs to, a fact that never
changes); whether key and secret still count is asked each time, and so is what the key may do.
"""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gatewayops.api.access import GrantsNow
from gatewayops.api.audit_trail import AuditTrail
from gatewayops.api.browser import check_page, is_change, session_cookie
from gatewayops.api.parts import ControlParts, parts_of
from gatewayops.api.person import person
from gatewayops.base import clock
from gatewayops.base.errors import Forbidden, Reason, TooMany, Unauthenticated
from gatewayops.identity import same_visit
from gatewayops.identity.keys import matches, prefix_of
from gatewayops.identity.principal import Principal
from gatewayops.identity.same_visit import SameVisit
from gatewayops.policy.decision import ALLOW, Decision, Deny
from gatewayops.policy.grants import Grants
from gatewayops.store.control import keys
from gatewayops.store.control.database import Session
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.keys import Key

_MAX_REMEMBERED = 4096
_MAX_FAILURES = 20  # a prefix and a minute
_WINDOW_S = 60.0
_MAX_CHECKS = 2  # bcrypt at once, a core each
_MAX_WAITING = 64

LOCAL_ADMIN = Principal(
    org_id=DEFAULT_ORG,
    key_id="local",
    key_name="local administrator",
    servers=("*",),
    actions=("*",),
    is_local_admin=True,
)

_SESSION = "gws_"
BEARER = HTTPBearer(
    auto_error=False, scheme_name="API key", description="A key `gwo_prod_…`, or a person's session `gws_…`"
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]


class FailedAttempts:
    """Counts wrong secrets by prefix, a minute at a time; bounded memory."""

    def __init__(self) -> None:
        """Starts empty."""
        self._counts: dict[str, int] = {}
        self._since_s = clock.unix_s()

    def check(self, prefix: str) -> None:
        """Raises TooMany for a prefix that has failed too often in this minute."""
        now_s = clock.unix_s()
        if now_s - self._since_s >= _WINDOW_S or len(self._counts) > _MAX_REMEMBERED:
            self._counts.clear()
            self._since_s = now_s
        if self._counts.get(prefix, 0) >= _MAX_FAILURES:
            msg = "too many wrong keys of this prefix; try again in a minute"
            raise TooMany(msg, Reason.KEY_CHECKS_BUSY)

    def add(self, prefix: str) -> None:
        """One more."""
        self._counts[prefix] = self._counts.get(prefix, 0) + 1


class KeyCheck:
    """Turns bearer secrets into principals; one an app."""

    def __init__(self, parts: ControlParts) -> None:
        """`parts` gives the store and the local administrator's token."""
        self._database = parts.database
        self._local_token = parts.local_admin_token.encode()
        self._verified: OrderedDict[bytes, str] = OrderedDict()  # SHA-256 of a secret to the secret's id
        self._failed = FailedAttempts()
        self._grants = GrantsNow()
        self._bcrypts = asyncio.Semaphore(_MAX_CHECKS)
        self._waiting = 0

    async def caller(self, request: Request, bearer: HTTPAuthorizationCredentials | None) -> Principal:
        """Of a request: by its bearer, else by the session's cookie. Raises Unauthenticated, TooMany."""
        token = bearer.credentials if bearer else session_cookie(request)
        if token.startswith(_SESSION):
            return await person(request, self._database, token)
        return await self.principal(bearer.credentials if bearer else "")

    async def principal(self, secret: str) -> Principal:
        """Of a key. Raises Unauthenticated, and TooMany when somebody is guessing."""
        if not secret:
            msg = "send a key: Authorization: Bearer gwo_…"
            raise Unauthenticated(msg, Reason.KEY_MISSING)
        if self._local_token and hmac.compare_digest(secret.encode(), self._local_token):
            return LOCAL_ADMIN
        key = await self._key(secret)
        if key is None:
            msg = "the key is not known, or it has expired or been revoked"
            raise Unauthenticated(msg)
        return principal_of(key)

    async def grants(self, session: Session, visit: SameVisit) -> Grants:
        """What roles and policies say now; of a session that only reads."""
        known: Grants | None = visit.known(Grants)
        if known is not None:
            return known
        found = await self._grants.read(session)
        visit.keep(Grants, found)
        return found

    async def decide(self, caller: Principal, *actions: str, visit: SameVisit | None = None) -> Decision:
        """Whether the caller may do any of these: by scopes, roles and policies. The answer to the first."""
        if caller.is_local_admin:
            return ALLOW
        visit = visit or SameVisit()
        grants: Grants | None = visit.known(Grants)
        if grants is None:
            async with self._database.reading() as session:
                grants = await self.grants(session, visit)
        decisions = [grants.decide_control(caller, action) for action in actions]
        return next((found for found in decisions if not isinstance(found, Deny)), decisions[0])

    async def _key(self, secret: str) -> Key | None:
        prefix = prefix_of(secret)
        if prefix is None:
            return None
        digest = hashlib.sha256(secret.encode()).digest()
        secret_id = self._verified.get(digest) or await self._verify(secret, prefix, digest)
        if secret_id is None:
            return None
        async with self._database.reading() as session:
            return await keys.of_secret(session, secret_id)

    async def _verify(self, secret: str, prefix: str, digest: bytes) -> str | None:
        self._failed.check(prefix)
        async with self._database.reading() as session:
            candidates = await keys.candidates(session, prefix)
        if not candidates:
            return None
        if self._waiting >= _MAX_WAITING:
            msg = "too many keys are being checked; try again in a second"
            raise TooMany(msg, Reason.KEY_CHECKS_BUSY)
        self._waiting += 1
        try:
            async with self._bcrypts:
                return self._verified.get(digest) or await self._try(secret, prefix, digest, candidates)
        finally:
            self._waiting -= 1

    async def _try(
        self, secret: str, prefix: str, digest: bytes, candidates: list[keys.Candidate]
    ) -> str | None:
        self._failed.check(prefix)
        for candidate in candidates:
            if await asyncio.to_thread(matches, secret, candidate.hash):
                self._verified[digest] = candidate.secret_id
                if len(self._verified) > _MAX_REMEMBERED:
                    self._verified.popitem(last=False)
                return candidate.secret_id
        self._failed.add(prefix)
        return None


class NeedsCaller:
    """A dependency: the caller, whoever it is; what they may do is the route's to ask."""

    def __init__(self, about: str) -> None:
        """`about` is what a refusal in the audit log names."""
        self._about = about

    async def __call__(self, request: Request, bearer: Bearer) -> Principal:
        """Raises Unauthenticated, Forbidden, TooMany."""
        return await _caller(request, bearer, self._about)


class NeedsAction:
    """A dependency: the caller, who must hold one of `actions`. The OpenAPI document names them."""

    def __init__(self, actions: tuple[str, ...]) -> None:
        """The first is what a refusal names."""
        self.actions = actions

    async def __call__(self, request: Request, bearer: Bearer) -> Principal:
        """Raises Unauthenticated, Forbidden, TooMany."""
        caller = await _caller(request, bearer, self.actions[0])
        await check_action(request, caller, *self.actions)
        return caller


async def _caller(request: Request, bearer: HTTPAuthorizationCredentials | None, about: str) -> Principal:
    check = request.app.state.key_check
    assert isinstance(check, KeyCheck)
    trail = request.app.state.audit_trail
    assert isinstance(trail, AuditTrail)
    caller = await trail.caller(request, about, check.caller(request, bearer))
    if bearer is None and is_change(request):
        try:
            check_page(request, session_cookie(request))
        except Forbidden as error:
            await trail.denied(caller, about, error)
            raise
    return caller


async def check_action(request: Request, caller: Principal, *actions: str) -> None:
    """Raises Forbidden unless the caller may do one of these; that is in the audit log then."""
    check = request.app.state.key_check
    decision = await check.decide(caller, *actions, visit=same_visit.of(request.scope))
    if isinstance(decision, Deny):
        refused = Forbidden(decision.detail, decision.reason)
        await request.app.state.audit_trail.denied(caller, actions[0], refused)
        raise refused


def principal_for(action: str, *others: str) -> Callable[..., Awaitable[Principal]]:
    """A dependency: the caller, who must hold `action` or one of `others`.

    Use as `Annotated[Principal, Depends(…)]`.
    """
    return NeedsAction((action, *others))


def check_internal(request: Request) -> None:
    """A dependency: only our own roles, by the token they share. Raises Unauthenticated."""
    given = request.headers.get("x-gatewayops-internal", "")
    expected = parts_of(request).internal_token
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        msg = "this address is for the gateway"
        raise Unauthenticated(msg)


def principal_of(key: Key) -> Principal:
    """Whom a key stands for."""
    spec = key.spec
    return Principal(
        org_id=key.org_id,
        key_id=key.id,
        key_name=spec.name,
        env=spec.env,
        user_id=spec.user_id,
        team_id=spec.team_id,
        project_id=spec.project_id,
        servers=spec.servers,
        actions=spec.actions,
    )
