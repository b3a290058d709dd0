"""What the gateway knows right now: the newest snapshot, turned into look-ups. Replaced, never edited."""

from gatewayops.base.errors import Forbidden, NotFound, Reason
from gatewayops.gateway.call_log import CallLog
from gatewayops.gateway.pages import Pages
from gatewayops.gateway.visitors import Visitors
from gatewayops.identity.authenticator import Authenticator
from gatewayops.identity.principal import KEY, Principal, grants
from gatewayops.policy.governance import Governance
from gatewayops.policy.terms import Terms, TermsBook
from gatewayops.protocol.methods import Method
from gatewayops.store.snapshot import EMPTY, Snapshot
from gatewayops.upstream.registry import Registry, Upstream


class ServerUnknown(NotFound):
    """No such server in the caller's organisation."""

    reason = Reason.SERVER_UNKNOWN


class Live:
    """Keys, servers and prices of one revision."""

    def __init__(
        self,
        authenticator: Authenticator,
        visitors: Visitors,
        servers: Registry,
        log: CallLog,
        governance: Governance,
    ) -> None:
        """Knows nothing until `apply`."""
        self.authenticator = authenticator
        self.visitors = visitors
        self.pages = Pages()
        self.servers = servers
        self.terms = TermsBook(self._work_out, on_forget=governance.limits.hold)
        self.snapshot: Snapshot = EMPTY
        self.governance = governance
        self._log = log
        self._names: dict[
            tuple[str, str], str
        ] = {}  # of servers whose slug is another, by organisation and slug

    @property
    def is_ready(self) -> bool:
        """Whether any snapshot has come."""
        return self.snapshot is not EMPTY

    def apply(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot, all of it, between two calls."""
        self.authenticator.replace(snapshot)
        self.visitors.replace(snapshot)
        self.pages.replace(snapshot)
        self.servers.replace(snapshot.servers)
        self.servers.accounts.replace(snapshot.upstream_accounts)
        self.governance.replace(snapshot)
        self._log.maskers.replace(snapshot.masking)
        self.terms = TermsBook(self._work_out, on_forget=self.governance.limits.hold)
        self.snapshot = snapshot
        self._names = {
            (row.org_id, row.slug): row.name for row in snapshot.servers if row.slug not in ("", row.name)
        }

    def server(self, principal: Principal, name: str) -> Upstream:
        """The caller's server of that name or slug.

        A key for some servers learns nothing of others: 403, not 404. A visitor's is the one that
        let them in, whatever has its slug for a name.
        """
        if principal.kind != KEY:
            name = principal.servers[0]
        upstream = self.servers.find(principal.org_id, name)
        if upstream is None and (principal.org_id, name) in self._names:
            name = self._names[principal.org_id, name]
            upstream = self.servers.find(principal.org_id, name)
        if upstream is not None:
            return upstream
        if not grants(principal.servers, name):
            raise Forbidden(f"this key's scopes do not name the server {name}", Reason.SERVER_NOT_GRANTED)
        raise ServerUnknown(
            f"there is no MCP server named {name}; `gatewayops server list` shows what there is"
        )

    def _work_out(self, principal: Principal, server: str, method: Method, named: str) -> Terms:
        keeper = self.authenticator if principal.kind == KEY else self.visitors
        principal = keeper.newest(principal)  # a snapshot may have come while the call waited
        return self.governance.terms(principal, self.server(principal, server), method, named)
