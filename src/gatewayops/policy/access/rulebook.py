"""Which rules hold for a principal, and through whom: the key itself, its user, their teams up the tree, the
organisation. Built from a snapshot; indexed, not yet compiled."""

from collections.abc import Iterator

import msgspec

from gatewayops.identity.principal import Principal
from gatewayops.store.predefined_roles import PREDEFINED
from gatewayops.store.snapshot import Permission, RoleRow, Snapshot

ORGANIZATION = "organization"
TEAM = "team"
USER = "user"
KEY = "key"
KINDS = (ORGANIZATION, TEAM, USER, KEY)


class Subject(msgspec.Struct, frozen=True):
    """Who can hold a role or a policy."""

    kind: str
    id: str


class Held(msgspec.Struct, frozen=True):
    """A rule that holds for somebody: by a role bound to `subject`, or by a policy of `subject`."""

    permission: Permission
    subject: Subject
    role: RoleRow | None = None
    policy_id: str = ""


class RuleBook:
    """The roles, policies and directory of one snapshot, by who holds them."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Of all organisations in it."""
        access = snapshot.access
        self._parents = {team.id: team.parent_id for team in snapshot.teams}
        self._teams_of = {user.id: user.team_id for user in access.users}
        self._roles = {role.id: role for role in (*PREDEFINED, *access.roles)}
        self._bound: dict[tuple[str, Subject], list[str]] = {}
        for binding in access.bindings:
            holder = binding.org_id, Subject(binding.subject_kind, binding.subject_id)
            self._bound.setdefault(holder, []).append(binding.role_id)
        self._policies: dict[tuple[str, Subject], list[tuple[str, Permission]]] = {}
        for policy in access.policies:
            holder = policy.org_id, Subject(policy.subject_kind, policy.subject_id)
            self._policies.setdefault(holder, []).append((policy.id, policy.permission))

    def chain(self, principal: Principal) -> tuple[Subject, ...]:
        """Whom the principal inherits from, nearest first; a user's own team counts beside the key's."""
        found: dict[Subject, None] = {}
        if principal.key_id:
            found[Subject(KEY, principal.key_id)] = None
        if principal.user_id:
            found[Subject(USER, principal.user_id)] = None
        for team_id in (principal.team_id, self._teams_of.get(principal.user_id, "")):
            found |= dict.fromkeys(self._path(team_id))
        found[Subject(ORGANIZATION, principal.org_id)] = None
        return tuple(found)

    def roles(self, principal: Principal) -> tuple[tuple[Subject, RoleRow], ...]:
        """The roles bound anywhere in the chain.

        A binding to a role that is not there counts as one that grants nothing.
        """
        return tuple(
            (subject, self._roles.get(role_id) or RoleRow(role_id, principal.org_id, role_id))
            for subject in self.chain(principal)
            for role_id in self._bound.get((principal.org_id, subject), ())
        )

    def governs(self, principal: Principal) -> bool:
        """Whether only what roles and policies allow is allowed: of people always, of keys with any role."""
        return principal.is_person or bool(self.roles(principal))

    def rules(self, principal: Principal) -> tuple[Held, ...]:
        """All that the chain holds, by roles and by policies."""
        return tuple(self._rules(principal))

    def _rules(self, principal: Principal) -> Iterator[Held]:
        for subject, role in self.roles(principal):
            for permission in role.permissions:
                yield Held(permission, subject, role)
        for subject in self.chain(principal):
            for policy_id, permission in self._policies.get((principal.org_id, subject), ()):
                yield Held(permission, subject, policy_id=policy_id)

    def _path(self, team_id: str) -> Iterator[Subject]:
        seen: set[str] = set()
        while team_id and team_id not in seen:
            seen.add(team_id)
            yield Subject(TEAM, team_id)
            team_id = self._parents.get(team_id, "")
