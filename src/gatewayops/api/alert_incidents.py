"""`/v1/alerts/incidents` and `/v1/alerts/deliveries`: what rules found, and who was told of it."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import InPath, LateShape, Listed, PageAsked, Ref, paging
from gatewayops.identity.principal import Principal
from gatewayops.store.control import alert_incidents
from gatewayops.store.control.alert_incidents import Incident, Notification, Wanted
from gatewayops.store.control.paging import MAX_LIMIT, Asked

router = LateRouter(prefix="/v1/alerts", tags=["Alerts"])

Reader = Annotated[Principal, Depends(principal_for("alerts.read"))]
IncidentState = Annotated[str, Query(pattern="^(firing|resolved)?$")]
DeliveryState = Annotated[str, Query(pattern="^(waiting|sent|failed|dropped)?$")]


class IncidentBody(LateShape):
    """A rule that is or was breached in one scope: of one server, tool, team or budget when it is split."""

    id: str
    rule_id: str
    rule: str
    kind: str
    severity: str
    subject: str
    server: str
    tool: str
    team: str
    state: str
    summary: str
    value: float
    threshold: float
    started_at: datetime
    resolved_at: datetime | None


class DeliveryBody(LateShape):
    """A message to one channel. `answer` is what the other side said last."""

    id: str
    incident_id: str
    channel_id: str
    channel: str
    event: str
    state: str
    attempts: int
    answer: str
    created_at: datetime
    next_at: datetime | None
    sent_at: datetime | None


class IncidentDetail(LateShape):
    """An incident and its messages, newest first."""

    incident: IncidentBody
    deliveries: list[DeliveryBody]


class IncidentList(Listed):
    """A page of incidents."""

    incidents: list[IncidentBody]


class DeliveryList(Listed):
    """A page of messages."""

    deliveries: list[DeliveryBody]


@router.get("/incidents")
async def list_incidents(
    caller: Reader, parts: Parts, asked: PageAsked, state: IncidentState = "", rule: Ref = ""
) -> IncidentList:
    """Incidents, newest first; of one rule (its id), or in one state."""
    wanted = Wanted(state=state, rule_id=rule)
    async with parts.database.reading() as session:
        page = await alert_incidents.page(session, org_id=caller.org_id, wanted=wanted, asked=asked)
    return IncidentList(incidents=[_incident(one) for one in page.rows], **paging(page))


@router.get("/incidents/{incident_id}")
async def show_incident(incident_id: InPath, caller: Reader, parts: Parts) -> IncidentDetail:
    """One incident, and who was told of it."""
    org_id = caller.org_id
    async with parts.database.reading() as session:
        found = await alert_incidents.find(session, org_id=org_id, incident_id=incident_id)
        page = await alert_incidents.deliveries(
            session, org_id=org_id, wanted=Wanted(incident_id=found.id), asked=Asked(limit=MAX_LIMIT)
        )
    return IncidentDetail(incident=_incident(found), deliveries=[_delivery(one) for one in page.rows])


@router.get("/deliveries")
async def list_deliveries(
    caller: Reader,
    parts: Parts,
    asked: PageAsked,
    state: DeliveryState = "",
    channel: Ref = "",
) -> DeliveryList:
    """Messages and what became of them, newest first; of one channel (its id), or in one state."""
    wanted = Wanted(state=state, channel_id=channel)
    async with parts.database.reading() as session:
        page = await alert_incidents.deliveries(session, org_id=caller.org_id, wanted=wanted, asked=asked)
    return DeliveryList(deliveries=[_delivery(one) for one in page.rows], **paging(page))


_SAME = (
    *("id", "rule_id", "kind", "severity", "subject", "server", "tool", "state", "summary"),
    *("value", "threshold", "resolved_at"),
)


def _incident(one: Incident) -> IncidentBody:
    return IncidentBody(
        rule=one.rule_name,
        team=one.team_id,
        started_at=one.created_at,
        **{name: getattr(one, name) for name in _SAME},
    )


def _delivery(one: Notification) -> DeliveryBody:
    same = ("id", "incident_id", "channel_id", "event", "state", "attempts", "created_at", "sent_at")
    return DeliveryBody(
        channel=one.channel_name,
        answer=one.last_answer,
        next_at=one.next_at if one.state == alert_incidents.WAITING else None,
        **{name: getattr(one, name) for name in same},
    )
