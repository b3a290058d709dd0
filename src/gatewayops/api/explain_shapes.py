"""What `/v1/policies/explain` takes and answers."""

from typing import Annotated, Literal

from pydantic import Field

from gatewayops.api.access_shapes import Effect, SubjectBody, SubjectKind
from gatewayops.api.shapes import LateShape

Word = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, Field(max_length=4096)]


class Asked(LateShape):
    """Either who and what, or a recorded call by `trace_id` (and `span_id`, where a trace has several)."""

    principal: Annotated[Word, Field(description="A key's id, or a user's id or e-mail address")] = ""
    server: Annotated[Word, Field(description="Id or name; empty for an action of the control API")] = ""
    action: Annotated[Word, Field(examples=["tools.call"])] = ""
    tool: Annotated[Name, Field(description="A tool; the action is tools.call unless given")] = ""
    resource: Annotated[Name, Field(description="A URI; the action is resources.read unless given")] = ""
    prompt: Annotated[Name, Field(description="A prompt; the action is prompts.get unless given")] = ""
    trace_id: Annotated[str, Field(max_length=256)] = ""
    span_id: Annotated[Word, Field(description="Without it: the trace's last refused call, or its last")] = ""


class VerdictBody(LateShape):
    """What one stage says."""

    allowed: bool
    reason: str | None
    message: str | None


class RuleBody(LateShape):
    """A rule that speaks of the question. `role` is null for a policy, `policy_id` for a role."""

    effect: Effect
    server: str
    action: str
    named: str
    role: str | None
    role_id: str | None
    policy_id: str | None
    inherited_from: SubjectBody


class LinkBody(LateShape):
    """One whom the principal inherits from, with the roles bound to them."""

    kind: SubjectKind
    id: str
    name: str | None
    roles: list[str]


class QuestionBody(LateShape):
    """What was asked; `named` is a tool, prompt or URI."""

    principal: str
    server: str
    action: str
    named: str


class RecordedBody(LateShape):
    """The call as it was recorded; the explanation is by the rules as they are now."""

    trace_id: str
    span_id: str
    time: str
    status: str
    reason: str | None
    error: str | None


class ExplanationBody(VerdictBody):
    """`rule` decided; it is null when scopes did, or when nothing but scopes governs the principal.

    `roles` and `scopes` are what each says alone: both must allow. `matching` are all rules that speak of
    the question, denies first. `chain` is whom the principal inherits from, nearest first.
    """

    question: QuestionBody
    decided_by: Literal["role", "policy", "scopes", "no rule"]
    is_governed_by_roles: bool
    scopes: VerdictBody
    roles: VerdictBody
    rule: RuleBody | None
    matching: list[RuleBody]
    chain: list[LinkBody]
    recorded: RecordedBody | None


class ExplanationAnswer(LateShape):
    """The answer to why."""

    explanation: ExplanationBody
