"""The bodies of `/v1/exports`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gatewayops.api.shapes import Body, LateShape, Listed
from gatewayops.base import clock
from gatewayops.record.exports.queue import read_state, waiting
from gatewayops.store.control.exports import Destination
from gatewayops.upstream.exports.delivery import Protocol

Preset = Literal["generic", "datadog", "grafana_cloud", "honeycomb", "new_relic"]
Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
ServerName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
Status = Literal["success", "error", "timeout"]
Endpoint = Annotated[str, Field(max_length=2048)]
ApiKey = Annotated[str, Field(max_length=4096)]
Servers = Annotated[list[ServerName], Field(max_length=100)]
Statuses = Annotated[list[Status], Field(max_length=3)]
Ratio = Annotated[float, Field(ge=0, le=1)]


class NewExport(Body):
    """Where to send calls as spans over OTLP.

    `endpoint` is the base address; over HTTP `/v1/traces` is added, over gRPC https means TLS. Presets
    `honeycomb` and `new_relic` know theirs. `api_key` becomes the preset's header (`grafana_cloud`:
    `<instance id>:<token>`); it is sealed, as are `headers`, and never comes back. Empty `servers` and
    `statuses` mean all.
    """

    name: Name
    preset: Preset = "generic"
    endpoint: Endpoint = ""
    protocol: Protocol = Protocol.HTTP_PROTOBUF
    api_key: ApiKey = ""
    headers: dict[str, str] = Field(default_factory=dict)
    gzip: bool = True
    allow_private_network: bool = False
    with_payloads: bool = False
    enabled: bool = True
    servers: Servers = Field(default_factory=list)
    statuses: Statuses = Field(default_factory=list)
    sample_ratio: Ratio = 1.0


class ExportChange(Body):
    """What is left out stays; what waits is sent as it is then. Off: nothing is queued or sent.

    `headers` and `api_key`, given either, replace all headers. They must be given again with an `endpoint` on
    another host, which is not to get what was given for this one.
    """

    endpoint: Endpoint | None = None
    protocol: Protocol | None = None
    api_key: ApiKey | None = None
    headers: dict[str, str] | None = None
    gzip: bool | None = None
    allow_private_network: bool | None = None
    with_payloads: bool | None = None
    enabled: bool | None = None
    servers: Servers | None = None
    statuses: Statuses | None = None
    sample_ratio: Ratio | None = None


class ExportState(LateShape):
    """How it goes: spans `sent`, `refused` by the other side for good, `overflowed` out of a full queue.

    `undecodable` are frames of the queue that hold no call, and were skipped.
    """

    queued_bytes: int
    oldest_age_s: float
    sent: int
    refused: int
    overflowed: int
    undecodable: int
    last_error: str | None
    last_error_at: datetime | None
    last_sent_at: datetime | None


class ExportBody(LateShape):
    """A destination; of its headers the names."""

    id: str
    name: str
    preset: str
    endpoint: str
    protocol: Protocol
    header_names: list[str]
    gzip: bool
    allow_private_network: bool
    with_payloads: bool
    enabled: bool
    servers: list[str]
    statuses: list[str]
    sample_ratio: float
    created_at: datetime
    state: ExportState


class OneExport(LateShape):
    """The answer about one destination."""

    export: ExportBody


class ExportList(Listed):
    """A page of destinations."""

    exports: list[ExportBody]


class Tested(LateShape):
    """What the other side said to one span.

    `answer` on one line, as `HTTP 200` or `gRPC UNAVAILABLE busy`; HTTP's `status` (0: none) and the
    beginning of its body or message; `error` when it said nothing.
    """

    is_accepted: bool
    answer: str
    status: int
    body: str
    error: str | None


def export_body(destination: Destination, folder: Path | None) -> ExportBody:
    """With its state, from the queues' folder."""
    spec = destination.spec
    return ExportBody(
        id=destination.id,
        name=spec.name,
        preset=spec.preset,
        endpoint=spec.endpoint,
        protocol=Protocol(spec.protocol),
        header_names=list(spec.header_names),
        gzip=spec.is_gzip,
        allow_private_network=spec.allows_private,
        with_payloads=spec.with_payloads,
        enabled=spec.is_enabled,
        servers=list(spec.servers),
        statuses=list(spec.statuses),
        sample_ratio=spec.sample_ratio,
        created_at=destination.created_at,
        state=_state(Path() if folder is None else folder / destination.id),
    )


def _state(folder: Path) -> ExportState:
    state = read_state(folder)
    queue = waiting(folder, state)
    age_s = max(clock.unix_s() - queue.oldest_s, 0.0) if queue.oldest_s else 0.0
    return ExportState(
        queued_bytes=queue.queued_bytes,
        oldest_age_s=round(age_s, 1),
        sent=state.sent,
        refused=state.refused,
        overflowed=state.overflowed,
        undecodable=state.undecodable,
        last_error=state.last_error or None,
        last_error_at=_when(state.last_error_s),
        last_sent_at=_when(state.last_sent_s),
    )


def _when(unix_s: float) -> datetime | None:
    return datetime.fromtimestamp(unix_s, UTC) if unix_s else None
