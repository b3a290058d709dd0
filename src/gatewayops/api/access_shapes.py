"""What the routes of roles and policies take and answer."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gatewayops.api.shapes import Body, LateShape, Listed, Ref
from gatewayops.policy.access.permissions import checked
from gatewayops.store.control.access import Subject
from gatewayops.store.control.policies import Policy
from gatewayops.store.control.roles import Binding, Role
from gatewayops.store.snapshot import ANY, Permission

RoleName = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$", examples=["support"])]
Effect = Literal["allow", "deny"]
SubjectKind = Literal["organization", "team", "user", "key"]
Server = Annotated[str, Field(max_length=63, examples=["github"])]
Action = Annotated[str, Field(min_length=1, max_length=128, examples=["tools.call"])]


class NewPermission(Body):
    """Patterns: `*` stands for any text, all else for itself, case counts.

    With `server` it speaks of MCP servers: `action` is a method with dots, `named` the tool, prompt or URI.
    Without, of the control API: `action` is one such as `keys.read` or `*.read`.
    """

    effect: Effect = "allow"
    server: Server = ""
    action: Action = "tools.*"
    named: Ref = ANY

    def checked(self) -> Permission:
        """Raises InvalidInput for what can never match."""
        return checked(effect=self.effect, server=self.server, action=self.action, named=self.named)


class PermissionBody(LateShape):
    """A permission; an empty `server` means the control API."""

    effect: Effect
    server: str
    action: str
    named: str


Permissions = Annotated[list[NewPermission], Field(max_length=200)]


class NewRole(Body):
    """A role of your own."""

    name: RoleName
    description: Ref = ""
    permissions: Permissions


class RoleChange(Body):
    """What is left out stays; `permissions` replaces all of them."""

    name: RoleName | None = None
    description: Ref | None = None
    permissions: Permissions | None = None


class RoleBody(LateShape):
    """A role. Predefined ones can be bound, but not changed, and have no `created_at`."""

    id: str
    name: str
    description: str
    is_predefined: bool
    permissions: list[PermissionBody]
    created_at: datetime | None


class OneRole(LateShape):
    """The answer about one role."""

    role: RoleBody


class RoleList(Listed):
    """A page of roles."""

    roles: list[RoleBody]


class NewBinding(Body):
    """`subject` is a team's id or name, a user's id or e-mail address, a key's id; empty for all."""

    subject_kind: SubjectKind
    subject: Ref = ""


class SubjectBody(LateShape):
    """Who holds it; `name` is null when the subject is gone."""

    kind: SubjectKind
    id: str
    name: str | None


class BindingBody(LateShape):
    """Who holds a role."""

    id: str
    role_id: str
    subject: SubjectBody
    created_at: datetime


class OneBinding(LateShape):
    """The answer about one binding."""

    binding: BindingBody


class BindingList(Listed):
    """A page of bindings."""

    bindings: list[BindingBody]


class NewPolicy(NewPermission):
    """A permission for a subject, named as for a binding."""

    subject_kind: SubjectKind
    subject: Ref = ""
    description: Ref = ""


class PolicyChange(Body):
    """What is left out stays as it is."""

    effect: Effect | None = None
    server: Server | None = None
    action: Action | None = None
    named: Ref | None = None
    description: Ref | None = None


class PolicyBody(PermissionBody):
    """A permission and who holds it."""

    id: str
    subject: SubjectBody
    description: str
    created_at: datetime


class OnePolicy(LateShape):
    """The answer about one policy."""

    policy: PolicyBody


class PolicyList(Listed):
    """A page of policies."""

    policies: list[PolicyBody]


def permission_body(permission: Permission) -> PermissionBody:
    """As answers show it."""
    return PermissionBody.model_validate(permission, from_attributes=True)


def role_body(role: Role) -> RoleBody:
    """As answers show it."""
    return RoleBody(
        id=role.id,
        name=role.name,
        description=role.description,
        is_predefined=role.is_predefined,
        permissions=[permission_body(permission) for permission in role.permissions],
        created_at=role.created_at,
    )


def subject_body(subject: Subject) -> SubjectBody:
    """As answers show it."""
    return SubjectBody.model_validate({"kind": subject.kind, "id": subject.id, "name": subject.name or None})


def binding_body(binding: Binding) -> BindingBody:
    """As answers show it."""
    return BindingBody(
        id=binding.id,
        role_id=binding.role_id,
        subject=subject_body(binding.subject),
        created_at=binding.created_at,
    )


def policy_body(policy: Policy) -> PolicyBody:
    """As answers show it."""
    return PolicyBody(
        **permission_body(policy.permission).model_dump(),
        id=policy.id,
        subject=subject_body(policy.subject),
        description=policy.description,
        created_at=policy.created_at,
    )
