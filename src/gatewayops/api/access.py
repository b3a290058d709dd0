"""How the control API asks the same grants that gateways ask, and how a change of access is kept safe."""

from collections.abc import Iterable

from gatewayops.identity.principal import Principal
from gatewayops.policy.access import delegation
from gatewayops.policy.access.matching import ALLOW
from gatewayops.policy.access.rulebook import ORGANIZATION
from gatewayops.policy.grants import Grants
from gatewayops.store.control import access
from gatewayops.store.control import revision as revisions
from gatewayops.store.control.database import Database, Session
from gatewayops.store.predefined_roles import ADMIN
from gatewayops.store.snapshot import EMPTY, Permission


class GrantsNow:
    """The grants of the store's present revision; worked out anew only when it has changed."""

    def __init__(self) -> None:
        """Reads nothing yet."""
        self._grants = Grants(EMPTY)
        self._revision = EMPTY.revision

    async def read(self, session: Session) -> Grants:
        """For a session that only reads: what a transaction has not committed must not be remembered."""
        if await revisions.current(session) != self._revision:
            state = await access.state(session)
            self._grants, self._revision = Grants(state), state.revision
        return self._grants


async def grants_in(session: Session) -> Grants:
    """The grants as this transaction sees them, its own changes included."""
    return Grants(await access.state(session))


async def check_holds_all(database: Database, caller: Principal, action: str) -> None:
    """Raises Forbidden unless the caller holds everything: who may say who people are could be anybody."""
    async with database.reading() as session:
        change = await Change.begin(session, caller, action)
    change.gives(ADMIN.permissions)


class Change:
    """A change of roles, bindings or policies by somebody who may hand out no more than they hold.

    Made before the change; `finish` is asked after it, in the same transaction.
    """

    def __init__(self, before: Grants, caller: Principal, action: str) -> None:
        """`action` is what the caller needed to be here, and must not lose by it."""
        self._before = before
        self._caller = caller
        self._action = action

    @classmethod
    async def begin(cls, session: Session, caller: Principal, action: str) -> "Change":
        """Reads what holds before."""
        return cls(await grants_in(session), caller, action)

    def gives(self, permissions: Iterable[Permission]) -> None:
        """Raises Forbidden for what the caller does not hold: new allows, and denies that go."""
        delegation.check_holds(self._before.book, self._caller, permissions)

    def gives_all_of(self, taker: Principal) -> None:
        """Raises Forbidden when the taker holds what the caller does not; what everybody here holds aside."""
        held = self._before.book.rules(taker)
        own = [rule.permission for rule in held if rule.subject.kind != ORGANIZATION]
        self.gives(permission for permission in own if permission.effect == ALLOW)

    async def finish(self, session: Session) -> None:
        """Raises Forbidden when the caller locked themselves out, or freed themselves of their roles."""
        now = await grants_in(session)
        delegation.check_keeps(now, self._caller, self._action)
        delegation.check_still_governed(self._before.book, now.book, self._caller)
