"""Which limits a call counts against: those of its key, user, teams, server and organisation."""

from collections.abc import Iterator

from gatewayops.identity.principal import Principal
from gatewayops.policy.limits.rate import rate_of
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.store.snapshot import ANY, LimitRow, Snapshot

SCOPES = ("api_key", "user", "team", "server", "global")
_MAX_DEPTH = 100  # of the tree of teams


class LimitBook:
    """The rules of one snapshot."""

    def __init__(self, settings: LimitSettings, rows: tuple[LimitRow, ...], snapshot: Snapshot) -> None:
        """`snapshot` gives the tree of teams and the servers' ids; `settings` the defaults."""
        self._rows = {(row.org_id, row.scope, row.subject): row for row in rows}
        self._parents = {team.id: team.parent_id for team in snapshot.teams}
        self._servers = {(server.org_id, server.name): server.id for server in snapshot.servers}
        self._defaults = {scope: rate_of(getattr(settings, f"default_{scope}")) for scope in SCOPES}

    def holding(self, principal: Principal, server: str) -> tuple[LimitRow, ...]:
        """A row a limit, each with the one subject that it counts for, the narrowest first.

        A rule for the subject wins over one for each (`*`), which wins over the default; a rule of no
        limit (0 calls) ends the search too. Teams above the principal's own count where they have a rule.
        """
        found = [
            self._row(principal.org_id, scope, subject)
            for scope, subject in self._subjects(principal, server)
        ]
        found += self._above(principal)
        return tuple(row for row in found if row.calls)

    def is_rule(self, row: LimitRow) -> bool:
        """Whether a row that holds comes from a rule, not from a default."""
        rules = (self._rows.get((row.org_id, row.scope, subject)) for subject in (row.subject, ANY))
        return any(rules)

    def _subjects(self, principal: Principal, server: str) -> Iterator[tuple[str, str]]:
        server_id = self._servers.get((principal.org_id, server), "")
        named = (principal.key_id, principal.user_id, principal.team_id, server_id)
        for scope, subject in zip(SCOPES, named, strict=False):
            if subject:
                yield scope, subject
        yield "global", ""

    def _row(self, org_id: str, scope: str, subject: str) -> LimitRow:
        own = self._rows.get((org_id, scope, subject))
        if own is not None:
            return own
        each = self._rows.get((org_id, scope, ANY)) or self._defaults[scope]
        return LimitRow(org_id, scope, subject, each.calls, each.window_s, each.burst)

    def _above(self, principal: Principal) -> Iterator[LimitRow]:
        team = principal.team_id
        for _ in range(_MAX_DEPTH):
            team = self._parents.get(team, "")
            if not team:
                return
            row = self._rows.get((principal.org_id, "team", team))
            if row is not None:
                yield row
