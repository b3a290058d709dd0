"""`/v1/policies/explain`: why something is allowed or denied, by the rules as they are now."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request

from gatewayops.api.auth import principal_for, principal_of
from gatewayops.api.explain_shapes import (
    Asked,
    ExplanationAnswer,
    ExplanationBody,
    LinkBody,
    QuestionBody,
    RecordedBody,
    RuleBody,
    VerdictBody,
)
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.trace_shapes import span_body
from gatewayops.base.errors import InvalidInput, NotFound, Reason
from gatewayops.identity import same_visit
from gatewayops.identity.principal import KEY, PERSON, Principal
from gatewayops.policy.access.explanation import Explanation, explain
from gatewayops.policy.access.matching import Question
from gatewayops.policy.access.rulebook import Held, Subject
from gatewayops.policy.decision import ALLOW, Decision, Deny
from gatewayops.protocol.methods import method_named
from gatewayops.query import traces
from gatewayops.query.trace_rows import SpanRow
from gatewayops.store.control import access, directory, keys, servers
from gatewayops.store.control.database import Session
from gatewayops.store.telemetry.otlp_schema import OTLP_DOOR

router = LateRouter(prefix="/v1/policies", tags=["Access"])

_POLICY_REASONS = {Reason.SERVER_NOT_GRANTED, Reason.ACTION_NOT_GRANTED, Reason.ROLE_NOT_GRANTED}

Reader = Annotated[Principal, Depends(principal_for("policies.read"))]


@dataclass(frozen=True)
class _Case:
    principal: Principal
    question: Question
    span: SpanRow | None = None


@router.get("/explain")
async def explain_decision(
    asked: Annotated[Asked, Query()], request: Request, caller: Reader, parts: Parts
) -> ExplanationAnswer:
    """Why a principal may or may not do something: the rule, the role, where it was inherited from."""
    span = await _span(parts, caller.org_id, asked) if asked.trace_id else None
    async with parts.database.reading() as session:
        case = (
            await _recorded(session, caller.org_id, span)
            if span is not None
            else await _given(session, caller.org_id, asked)
        )
        grants = await request.app.state.key_check.grants(session, same_visit.of(request.scope))
        found = explain(grants, case.principal, case.question)
        held_by = {(subject.kind, subject.id) for subject in found.chain}
        names = await access.names(session, org_id=caller.org_id, subjects=held_by)
    await request.app.state.second_opinion.compare(grants, case.principal, case.question, found)
    return ExplanationAnswer(explanation=_body(case, found, names))


async def _given(session: Session, org_id: str, asked: Asked) -> _Case:
    if not asked.principal:
        msg = "principal: a key's id, or a user's id or e-mail address; or give trace_id"
        raise InvalidInput(msg)
    server = (await servers.find(session, org_id=org_id, ref=asked.server)).spec.name if asked.server else ""
    question = _question(asked, server)
    return _Case(await _principal(session, org_id, asked.principal, question), question)


def _question(asked: Asked, server: str) -> Question:
    named = {"tools.call": asked.tool, "resources.read": asked.resource, "prompts.get": asked.prompt}
    given = [(action, name) for action, name in named.items() if name]
    if len(given) > 1:
        msg = "tool, resource, prompt: one of them"
        raise InvalidInput(msg)
    if not server and given:
        msg = "server: which one has it?"
        raise InvalidInput(msg)
    usual, name = given[0] if given else ("", "")
    action = (asked.action or usual).removeprefix("mcp.")
    if not server and not action:
        msg = "action: of the control API, such as keys.read; or give server and tool"
        raise InvalidInput(msg)
    return Question(server, action, name)


async def _principal(session: Session, org_id: str, ref: str, question: Question) -> Principal:
    """A key; or a user: on servers as a key of theirs, in the control API as they are when signed in."""
    if ref.startswith("key_"):
        return principal_of(await keys.find(session, org_id=org_id, key_id=ref))
    user = await directory.find_user(session, org_id=org_id, ref=ref, field="principal")
    everything = ("*",)
    return Principal(
        org_id=org_id,
        key_id="",
        user_id=user.id,
        team_id=user.team_id,
        servers=everything,
        actions=everything,
        kind=KEY if question.server else PERSON,
    )


async def _span(parts: ControlParts, org_id: str, asked: Asked) -> SpanRow:
    extent = await traces.extent_of(parts.telemetry, org_id=org_id, trace_id=asked.trace_id)
    if asked.span_id:
        spans = [(await traces.one_span(parts.telemetry, extent, asked.span_id))[0]]
    else:
        spans = (await traces.whole_trace(parts.telemetry, extent))[1].spans
    calls = [span for span in spans if span.fields["door"] != OTLP_DOOR]
    refused = [span for span in calls if span.fields["reason"] in _POLICY_REASONS]
    if not calls:
        msg = "span_id: the trace has no such call"
        raise NotFound(msg)
    return (refused or calls)[-1]


async def _recorded(session: Session, org_id: str, span: SpanRow) -> _Case:
    fields = span.fields
    try:
        key = await keys.find(session, org_id=org_id, key_id=fields["key_id"])
    except NotFound as error:
        msg = (
            f"the call came with no key of yours ({fields['reason'] or 'the key is gone'}): no rule was asked"
        )
        raise NotFound(msg) from error
    named = fields["tool"] or fields["resource_uri"]
    question = Question(fields["server"], method_named(fields["method"]).action, named)
    return _Case(principal_of(key), question, span)


def _body(case: _Case, found: Explanation, names: dict[str, str]) -> ExplanationBody:
    principal, question = case.principal, case.question
    return ExplanationBody(
        **_verdict(found.decision),
        question=QuestionBody(principal=principal.key_id or principal.user_id, **question._asdict()),
        decided_by=_decided_by(found),
        is_governed_by_roles=bool(found.roles),
        scopes=VerdictBody(**_verdict(found.scopes)),
        roles=VerdictBody(**_verdict(found.ruled)),
        rule=_rule(found.rule, names) if found.rule else None,
        matching=[_rule(held, names) for held in found.matching],
        chain=[_link(subject, found, names) for subject in found.chain],
        recorded=_recorded_body(case.span) if case.span else None,
    )


def _decided_by(found: Explanation) -> Literal["role", "policy", "scopes", "no rule"]:
    if found.rule is not None:
        return "policy" if found.rule.role is None else "role"
    return "no rule" if found.roles and found.scopes is ALLOW else "scopes"


def _verdict(decision: Decision) -> dict[str, Any]:
    if isinstance(decision, Deny):
        return {"allowed": False, "reason": decision.reason, "message": decision.detail}
    return {"allowed": True, "reason": None, "message": None}


def _rule(held: Held, names: dict[str, str]) -> RuleBody:
    permission, role = held.permission, held.role
    return RuleBody.model_validate(
        {
            "effect": permission.effect,
            "server": permission.server,
            "action": permission.action,
            "named": permission.named,
            "role": role.name if role else None,
            "role_id": role.id if role else None,
            "policy_id": held.policy_id or None,
            "inherited_from": {
                "kind": held.subject.kind,
                "id": held.subject.id,
                "name": names.get(held.subject.id),
            },
        }
    )


def _link(subject: Subject, found: Explanation, names: dict[str, str]) -> LinkBody:
    roles = [role.name for holder, role in found.roles if holder == subject]
    return LinkBody.model_validate(
        {"kind": subject.kind, "id": subject.id, "name": names.get(subject.id), "roles": roles}
    )


def _recorded_body(span: SpanRow) -> RecordedBody:
    shown = span_body(span)
    return RecordedBody(
        trace_id=shown.trace_id,
        span_id=shown.id,
        time=shown.start_time,
        status=shown.status,
        reason=shown.reason,
        error=shown.error,
    )
