"""The users' accounts of one gateway worker: what a call of theirs carries to the server, as one header line.

The snapshot brings tokens sealed; each is opened when it is first needed and forgotten when another comes.
A token goes to the server that it is for, on calls of its user, and nowhere else.
"""

import time

from gatewayops.base.crypto import Opener, SealBroken
from gatewayops.base.errors import Forbidden, Reason, Unavailable
from gatewayops.identity.principal import KEY, Principal
from gatewayops.store.snapshot import ServerRow, UpstreamAccountRow

NAME = b"authorization"
_MOST_REFUSED = 10_000


class SignInNeeded(Forbidden):
    """The caller has to connect an account at the server first; the detail says where."""

    reason = Reason.UPSTREAM_SIGN_IN


class TokenBeingRenewed(Unavailable):
    """The token of the caller's account has run out, and the next one has not come yet."""

    reason = Reason.UPSTREAM_SIGN_IN


class HeldAccounts:
    """One a worker. `refused` are accounts whose token a server did not take, for the control role."""

    def __init__(self, opener: Opener, *, public_url: str) -> None:
        """Knows none before `replace`; `public_url` is where people find the page to connect."""
        self._opener = opener
        self._public_url = public_url
        self._rows: dict[tuple[str, str, str], UpstreamAccountRow] = {}
        self._lines: dict[str, tuple[bytes, bytes]] = {}  # by id: of which sealed token
        self.refused: set[str] = set()

    def replace(self, rows: tuple[UpstreamAccountRow, ...]) -> None:
        """Takes over a snapshot's accounts."""
        self._rows = {(row.org_id, row.server_id, row.user_id): row for row in rows}
        known = {row.id for row in rows if row.sealed_token}
        self._lines = {account: kept for account, kept in self._lines.items() if account in known}

    def line(self, caller: Principal, server: ServerRow) -> bytes:
        """The header's line, with its end. Raises SignInNeeded, TokenBeingRenewed."""
        row = self._row(caller, server)
        if not row.sealed_token:
            raise self._needed(server, "needs to sign in again")
        if row.expires_at is not None and row.expires_at <= time.time():
            msg = f"the token of your account at {server.name} has run out and is being renewed; try again"
            raise TokenBeingRenewed(msg)
        sealed, line = self._lines.get(row.id, (b"", b""))
        if sealed != row.sealed_token:
            line = b"%b: Bearer %b\r\n" % (NAME, self._opened(row, server))
            self._lines[row.id] = row.sealed_token, line
        return line

    def not_taken(self, caller: Principal, server: ServerRow) -> SignInNeeded:
        """The server answered 401 to a call of this caller: what to tell them. The token is renewed."""
        row = self._row(caller, server)
        if len(self.refused) < _MOST_REFUSED:
            self.refused.add(row.id)
        return self._needed(
            server, "is not taken there right now; try again in some seconds, else sign in again"
        )

    def _row(self, caller: Principal, server: ServerRow) -> UpstreamAccountRow:
        if caller.kind != KEY or not caller.user_id:
            msg = f"{server.name} takes each user's own account: call with a key that belongs to a user"
            raise SignInNeeded(msg)
        row = self._rows.get((server.org_id, server.id, caller.user_id))
        if row is None:
            raise self._needed(server, "is not connected yet")
        return row

    def _opened(self, row: UpstreamAccountRow, server: ServerRow) -> bytes:
        try:
            return self._opener.open(row.sealed_token, bound_to=row.bound_to())
        except SealBroken as error:
            raise self._needed(server, "cannot be read here") from error

    def _needed(self, server: ServerRow, what: str) -> SignInNeeded:
        page = f"{self._public_url}/connections/servers/{server.name}"
        needed = SignInNeeded(f"your account at {server.name} {what}: open {page}")
        needed.extra = {"sign_in_url": page}
        return needed
