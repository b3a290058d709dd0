"""The bodies of `/v1/logs`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from gatewayops.api.shapes import Body, LateShape, Listed
from gatewayops.api.trace_shapes import SpanBody

Text = Annotated[str, Field(max_length=256, pattern=r"^[^\x00]*$")]
Time = Annotated[str, Field(max_length=40, examples=["2026-01-15T00:00:00Z"])]


class AuditQuestion(Body):
    """Which entries; everything is optional."""

    start_time: Time = ""
    end_time: Annotated[Time, Field(description="exclusive; a date includes its day")] = ""
    actor: Annotated[Text, Field(description="id or name of who did it")] = ""
    action: Annotated[Text, Field(examples=["key.created", "key.*"])] = ""
    target: Annotated[Text, Field(description="id or name of what it was done to")] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=40)] = ""


class RequestQuestion(Body):
    """Which requests; everything is optional. Without times, the last 24 hours."""

    start_time: Time = ""
    end_time: Annotated[Time, Field(description="exclusive; a date includes its day")] = ""
    user_id: Text = ""
    team_id: Text = ""
    project_id: Text = ""
    key_id: Text = ""
    server: Text = ""
    tool: Text = ""
    status: Literal["success", "error", "timeout"] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=512)] = ""


class Party(LateShape):
    """Who, or what. A name that was erased is null."""

    kind: str
    id: str
    name: str | None


class AuditBody(LateShape):
    """An entry. `count` events of the kind happened between `first_at` and `last_at`; null is erased."""

    seq: int
    at: str
    action: str = Field(examples=["key.created"])
    actor: Party
    target: Party
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    client_address: str | None
    request_id: str
    trace_id: str
    reason: str
    detail: str
    count: int
    first_at: str
    last_at: str
    hash: str


class AuditList(Listed):
    """A page of entries, newest first."""

    entries: list[AuditBody]


class RequestList(Listed):
    """A page of requests, newest first."""

    requests: list[SpanBody]


class AnchorState(LateShape):
    """Whether a checkpoint lies there."""

    anchor: str = Field(examples=["file"])
    anchored_at: datetime | None
    attempts: int
    error: str | None


class CheckpointBody(LateShape):
    """A signed statement about the first `size` entries; hashes, key and signature in hex."""

    size: int
    at: datetime
    root: str
    head: str
    key: str
    signature: str
    anchors: list[AnchorState]


class CheckpointList(LateShape):
    """The newest checkpoints, and how far the log goes by now."""

    log: str
    public_key: str
    entries: int = Field(description="number of the newest entry")
    pruned_to: int = Field(description="entries up to this one were removed by retention")
    anchors: list[str] = Field(description="the kinds that are set")
    checkpoints: list[CheckpointBody]


class Erasure(Body):
    """Whose personal values go: an id, an e-mail address, a name, or a client address, exactly."""

    subject: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Erased(LateShape):
    """How many values are gone; entries and proofs stay."""

    values: int


class AuditVerdict(LateShape):
    """What checking the whole log found; proven when there is no fault (at most 100 are told)."""

    proven: bool
    entries: int
    checkpoints: int
    erased: int = Field(description="personal values that were erased")
    faults: list[str]


class ExportWanted(Body):
    """What to export. Without times: all of the audit log, or the last 24 hours of requests."""

    log: Annotated[Literal["audit", "requests"], Field(alias="class")]
    format: Literal["jsonl", "csv"] = "jsonl"
    start_time: Time = ""
    end_time: Annotated[Time, Field(description="exclusive; a date includes its day")] = ""
