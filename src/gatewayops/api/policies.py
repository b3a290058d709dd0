"""`/v1/policies`: permissions that an organisation, a team, a user or a key holds without a role."""

from typing import Annotated

import msgspec
from fastapi import Depends, Query, Response

from gatewayops.api.access import Change
from gatewayops.api.access_shapes import (
    NewPolicy,
    OnePolicy,
    PolicyChange,
    PolicyList,
    SubjectKind,
    policy_body,
)
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import InPath, PageAsked, Ref, paging
from gatewayops.identity.principal import Principal
from gatewayops.policy.access.permissions import checked
from gatewayops.store.control import access, policies

router = LateRouter(prefix="/v1/policies", tags=["Access"])

_WRITE = "policies.write"

Reader = Annotated[Principal, Depends(principal_for("policies.read"))]
Writer = Annotated[Principal, Depends(principal_for(_WRITE))]


@router.post("", status_code=201)
async def add(body: NewPolicy, caller: Writer, parts: Parts) -> OnePolicy:
    """Allows or denies something to a subject and to all who inherit from it. A deny wins over any allow.

    An allow adds to what roles give; whom no role governs may already do what their scopes say.
    """
    permission = body.checked()
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        if permission.effect == "allow":
            change.gives([permission])
        subject = await access.find_subject(
            session, org_id=caller.org_id, kind=body.subject_kind, ref=body.subject
        )
        policy = await policies.add(
            session,
            org_id=caller.org_id,
            subject=subject,
            permission=permission,
            description=body.description,
        )
        await change.finish(session)
    return OnePolicy(policy=policy_body(policy))


@router.get("")
async def list_policies(
    caller: Reader,
    parts: Parts,
    asked: PageAsked,
    subject_kind: Annotated[SubjectKind | None, Query()] = None,
    subject: Annotated[Ref, Query(description="With subject_kind: id or name.")] = "",
) -> PolicyList:
    """The organisation's policies, newest first; of one subject if asked."""
    async with parts.database.reading() as session:
        whose = None
        if subject_kind is not None:
            whose = await access.find_subject(session, org_id=caller.org_id, kind=subject_kind, ref=subject)
        page = await policies.page(session, org_id=caller.org_id, asked=asked, subject=whose)
    return PolicyList(policies=[policy_body(policy) for policy in page.rows], **paging(page))


@router.get("/{policy_id}")
async def show(policy_id: InPath, caller: Reader, parts: Parts) -> OnePolicy:
    """One policy."""
    async with parts.database.reading() as session:
        policy = await policies.find(session, org_id=caller.org_id, policy_id=policy_id)
    return OnePolicy(policy=policy_body(policy))


@router.patch("/{policy_id}")
async def change_policy(policy_id: InPath, body: PolicyChange, caller: Writer, parts: Parts) -> OnePolicy:
    """Changes what a policy says; whom it is for stays."""
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        before = (await policies.find(session, org_id=caller.org_id, policy_id=policy_id)).permission
        given = body.model_dump(exclude_none=True, exclude={"description"})
        after = checked(**(msgspec.structs.asdict(before) | given))
        if after != before:
            change.gives(
                [each for each, effect in ((before, "deny"), (after, "allow")) if each.effect == effect]
            )
        policy = await policies.change(
            session,
            org_id=caller.org_id,
            policy_id=policy_id,
            permission=after,
            description=body.description,
        )
        await change.finish(session)
    return OnePolicy(policy=policy_body(policy))


@router.delete("/{policy_id}", status_code=204)
async def remove(policy_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a policy. To remove a deny you must hold what it denies."""
    async with parts.database.session() as session:
        change = await Change.begin(session, caller, _WRITE)
        permission = (await policies.find(session, org_id=caller.org_id, policy_id=policy_id)).permission
        if permission.effect == "deny":
            change.gives([permission])
        await policies.remove(session, org_id=caller.org_id, policy_id=policy_id)
        await change.finish(session)
    return Response(status_code=204)
