"""`/v1/roles`: predefined and custom roles, and who holds them."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Response

from gatewayops.api.access import Change
from gatewayops.api.access_shapes import (
    BindingList,
    NewBinding,
    NewRole,
    OneBinding,
    OneRole,
    RoleChange,
    RoleList,
    binding_body,
    role_body,
)
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import InPath, PageAsked, paging
from gatewayops.identity.principal import Principal
from gatewayops.store.control import access, roles
from gatewayops.store.snapshot import Permission

router = LateRouter(prefix="/v1/roles", tags=["Access"])

_WRITE = "roles.write"

Reader = Annotated[Principal, Depends(principal_for("roles.read"))]
Writer = Annotated[Principal, Depends(principal_for(_WRITE))]


@router.post("", status_code=201)
async def add(body: NewRole, caller: Writer, parts: Parts) -> OneRole:
    """Makes a role. You cannot put into it what you do not hold."""
    permissions = tuple(permission.checked() for permission in body.permissions)
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        change.gives(_allows(permissions))
        role = await roles.add(
            session,
            org_id=caller.org_id,
            name=body.name,
            description=body.description,
            permissions=permissions,
        )
    return OneRole(role=role_body(role))


@router.get("")
async def list_roles(caller: Reader, parts: Parts, asked: PageAsked) -> RoleList:
    """The predefined roles, on the first page, and the organisation's own, newest first."""
    async with parts.database.reading() as session:
        page = await roles.page(session, org_id=caller.org_id, asked=asked)
    given = () if asked.cursor else roles.all_predefined()
    return RoleList(roles=[role_body(role) for role in (*given, *page.rows)], **paging(page))


@router.get("/{role_id}")
async def show(role_id: InPath, caller: Reader, parts: Parts) -> OneRole:
    """One role, by id or name."""
    async with parts.database.reading() as session:
        role = await roles.find(session, org_id=caller.org_id, ref=role_id)
    return OneRole(role=role_body(role))


@router.patch("/{role_id}")
async def change_role(role_id: InPath, body: RoleChange, caller: Writer, parts: Parts) -> OneRole:
    """Changes a role for all who hold it; gateways follow within a second."""
    permissions = None
    if body.permissions is not None:
        permissions = tuple(permission.checked() for permission in body.permissions)
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        role = await roles.find(session, org_id=caller.org_id, ref=role_id)
        if permissions is not None:
            gone = set(role.permissions) - set(permissions)
            change.gives([*_allows(set(permissions) - set(role.permissions)), *_denies(gone)])
        role = await roles.change(
            session,
            org_id=caller.org_id,
            role_id=role.id,
            name=body.name,
            description=body.description,
            permissions=permissions,
        )
        await change.finish(session)
    return OneRole(role=role_body(role))


@router.delete("/{role_id}", status_code=204)
async def remove(role_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a role that nobody holds."""
    async with parts.database.session() as session:
        role = await roles.find(session, org_id=caller.org_id, ref=role_id)
        await roles.remove(session, org_id=caller.org_id, role_id=role.id)
    return Response(status_code=204)


@router.post("/{role_id}/bindings", status_code=201)
async def bind(role_id: InPath, body: NewBinding, caller: Writer, parts: Parts) -> OneBinding:
    """Gives the role to a subject and to all who inherit from it: roles govern them from now on."""
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        role = await roles.find(session, org_id=caller.org_id, ref=role_id)
        change.gives(_allows(role.permissions))
        subject = await access.find_subject(
            session, org_id=caller.org_id, kind=body.subject_kind, ref=body.subject
        )
        binding = await roles.bind(session, org_id=caller.org_id, role=role, subject=subject)
        await change.finish(session)
    return OneBinding(binding=binding_body(binding))


@router.get("/{role_id}/bindings")
async def list_bindings(role_id: InPath, caller: Reader, parts: Parts, asked: PageAsked) -> BindingList:
    """Who holds the role, newest first."""
    async with parts.database.reading() as session:
        role = await roles.find(session, org_id=caller.org_id, ref=role_id)
        page = await roles.bindings(session, org_id=caller.org_id, role_id=role.id, asked=asked)
    return BindingList(bindings=[binding_body(binding) for binding in page.rows], **paging(page))


@router.delete("/{role_id}/bindings/{binding_id}", status_code=204)
async def unbind(role_id: InPath, binding_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Takes the role away. Without any role, a key's scopes alone govern what it may do."""
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        role = await roles.find(session, org_id=caller.org_id, ref=role_id)
        change.gives(_denies(role.permissions))
        await roles.unbind(session, org_id=caller.org_id, role_id=role.id, binding_id=binding_id)
        await change.finish(session)
    return Response(status_code=204)


def _allows(permissions: Iterable[Permission]) -> list[Permission]:
    return [permission for permission in permissions if permission.effect == "allow"]


def _denies(permissions: Iterable[Permission]) -> list[Permission]:
    """What is denied until now is given when it goes."""
    return [permission for permission in permissions if permission.effect == "deny"]
