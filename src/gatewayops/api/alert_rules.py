"""`/v1/alerts/rules`, `/v1/alerts/slos`, `/v1/alerts/silences`: when somebody is to be told, and when not."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends, Response

from gatewayops.alerts import defaults, rule
from gatewayops.alerts.evaluation import end_incidents
from gatewayops.alerts.reading import attained
from gatewayops.api import recent
from gatewayops.api.alert_shapes import (
    NewRule,
    NewSilence,
    NewSlo,
    OneRule,
    OneSilence,
    OneSlo,
    Restored,
    RuleBody,
    RuleChange,
    RuleList,
    SilenceList,
    SloChange,
    SloDetail,
    SloList,
    rule_body,
    silence_body,
    slo_body,
    standing_body,
)
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import InPath, PageAsked, paging
from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.identity.principal import Principal
from gatewayops.store.control import alert_channels, alert_rules, alert_watches, directory
from gatewayops.store.control.alert_rules import Rule, RuleSpec, SilenceSpec, SloSpec
from gatewayops.store.control.database import Session

router = LateRouter(prefix="/v1/alerts", tags=["Alerts"])

Reader = Annotated[Principal, Depends(principal_for("alerts.read"))]
Writer = Annotated[Principal, Depends(principal_for("alerts.write"))]

_ONLY_TELLING = frozenset({"name", "severity", "channels"})  # a change of these ends no incident


@router.post("/rules", status_code=201)
async def add_rule(body: NewRule, caller: Writer, parts: Parts) -> OneRule:
    """Makes a rule; it is looked at within seconds."""
    org_id = caller.org_id
    given = body.model_dump(exclude={"team", "slo", "enabled", "channels", "kind", "severity"})
    async with parts.database.session() as session:
        spec = RuleSpec(
            **given,
            kind=body.kind.value,
            severity=body.severity.value,
            team_id=await _team(session, org_id, body.team),
            slo_id=await _slo(session, org_id, body.slo),
            channels=await _channels(session, org_id, body.channels),
            is_enabled=body.enabled,
        )
        rule.check(spec)
        made = await alert_rules.add(session, org_id=org_id, spec=spec)
    return OneRule(rule=rule_body(made, {}))


@router.get("/rules")
async def list_rules(caller: Reader, parts: Parts, asked: PageAsked) -> RuleList:
    """The organisation's rules and how they stand, newest first."""
    async with parts.database.reading() as session:
        page = await alert_rules.page(session, org_id=caller.org_id, asked=asked)
        states = await alert_watches.states_of(session, [one.id for one in page.rows])
    return RuleList(rules=[rule_body(one, states.get(one.id, {})) for one in page.rows], **paging(page))


@router.post("/rules/defaults")
async def restore_defaults(caller: Writer, parts: Parts) -> Restored:
    """Makes those of the default rules that are not there, by their names."""
    async with parts.database.session() as session:
        await alert_rules.mark_defaults(session, org_id=caller.org_id)
        made = await defaults.restore(session, org_id=caller.org_id)
    return Restored(rules=[rule_body(one, {}) for one in made])


@router.get("/rules/{alert_rule_id}")
async def show_rule(alert_rule_id: InPath, caller: Reader, parts: Parts) -> OneRule:
    """One rule."""
    async with parts.database.reading() as session:
        found = await alert_rules.find(session, org_id=caller.org_id, ref=alert_rule_id)
        return OneRule(rule=await _shown(session, found))


@router.patch("/rules/{alert_rule_id}")
async def change_rule(alert_rule_id: InPath, body: RuleChange, caller: Writer, parts: Parts) -> OneRule:
    """Changes what is given. Open incidents end, unless only its name, severity or channels change."""
    org_id = caller.org_id
    given: dict[str, Any] = body.model_dump(exclude_none=True, exclude={"team", "enabled", "channels"})
    async with parts.database.session() as session:
        found = await alert_rules.find(session, org_id=org_id, ref=alert_rule_id)
        if body.team is not None:
            given["team_id"] = await _team(session, org_id, body.team)
        if body.channels is not None:
            given["channels"] = await _channels(session, org_id, body.channels)
        if body.enabled is not None:
            given["is_enabled"] = body.enabled
        if body.severity is not None:
            given["severity"] = body.severity.value
        spec = msgspec.structs.replace(found.spec, **given)
        rule.check(spec)
        changed = {name for name, value in given.items() if getattr(found.spec, name) != value}
        if changed - _ONLY_TELLING:
            await end_incidents(session, found, now=clock.now())
        now = await alert_rules.change(session, org_id=org_id, rule_id=found.id, spec=spec)
        return OneRule(rule=await _shown(session, now))


@router.delete("/rules/{alert_rule_id}", status_code=204)
async def remove_rule(alert_rule_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a rule; its open incidents end, and who was told of them is told so."""
    async with parts.database.session() as session:
        found = await alert_rules.find(session, org_id=caller.org_id, ref=alert_rule_id)
        await end_incidents(session, found, now=clock.now())
        await alert_rules.remove(session, org_id=caller.org_id, rule_id=found.id)
    return Response(status_code=204)


@router.post("/slos", status_code=201)
async def add_slo(body: NewSlo, caller: Writer, parts: Parts) -> OneSlo:
    """Makes an objective. A rule of the kind slo_burn tells when it is in danger."""
    spec = SloSpec(
        name=body.name,
        server=body.server,
        tool=body.tool,
        objective_percent=body.objective,
        period_days=body.period_days,
    )
    async with parts.database.session() as session:
        made = await alert_rules.add_slo(session, org_id=caller.org_id, spec=spec)
    return OneSlo(slo=slo_body(made))


@router.get("/slos")
async def list_slos(caller: Reader, parts: Parts, asked: PageAsked) -> SloList:
    """The organisation's objectives, newest first."""
    async with parts.database.reading() as session:
        page = await alert_rules.slo_page(session, org_id=caller.org_id, asked=asked)
    return SloList(slos=[slo_body(one) for one in page.rows], **paging(page))


@router.get("/slos/{slo_id}", dependencies=[recent.MAY_BE_OLD])
async def show_slo(slo_id: InPath, caller: Reader, parts: Parts) -> SloDetail:
    """One objective and how it stands; 503 while the telemetry store is away."""
    async with parts.database.reading() as session:
        found = await alert_rules.find_slo(session, org_id=caller.org_id, ref=slo_id)
    stands = await attained(parts.telemetry, found, recent.now())
    return SloDetail(slo=slo_body(found), standing=standing_body(found, stands))


@router.patch("/slos/{slo_id}")
async def change_slo(slo_id: InPath, body: SloChange, caller: Writer, parts: Parts) -> OneSlo:
    """Changes what is given."""
    given = body.model_dump(exclude_none=True, exclude={"objective"})
    if body.objective is not None:
        given["objective_percent"] = body.objective
    async with parts.database.session() as session:
        found = await alert_rules.find_slo(session, org_id=caller.org_id, ref=slo_id)
        spec = msgspec.structs.replace(found.spec, **given)
        now = await alert_rules.change_slo(session, org_id=caller.org_id, slo_id=found.id, spec=spec)
    return OneSlo(slo=slo_body(now))


@router.delete("/slos/{slo_id}", status_code=204)
async def remove_slo(slo_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes an objective with the rules that watch it; their incidents end."""
    async with parts.database.session() as session:
        found = await alert_rules.find_slo(session, org_id=caller.org_id, ref=slo_id)
        for watching in await alert_rules.of_slo(session, org_id=caller.org_id, slo_id=found.id):
            await end_incidents(session, watching, now=clock.now())
            await alert_rules.remove(session, org_id=caller.org_id, rule_id=watching.id)
        await alert_rules.remove_slo(session, org_id=caller.org_id, slo_id=found.id)
    return Response(status_code=204)


@router.post("/silences", status_code=201)
async def add_silence(body: NewSilence, caller: Writer, parts: Parts) -> OneSilence:
    """Silences incidents until a moment. What still fires then is told then."""
    async with parts.database.session() as session:
        rule_id = ""
        if body.rule:
            rule_id = (await alert_rules.find(session, org_id=caller.org_id, ref=body.rule)).id
        spec = SilenceSpec(
            rule_id=rule_id,
            server=body.server,
            tool=body.tool,
            severity=body.severity.value if body.severity else "",
            until=body.until,
            reason=body.reason,
        )
        made = await alert_rules.add_silence(
            session, org_id=caller.org_id, spec=spec, made_by=caller.key_id or caller.user_id
        )
    return OneSilence(silence=silence_body(made))


@router.get("/silences")
async def list_silences(caller: Reader, parts: Parts, asked: PageAsked) -> SilenceList:
    """All silences, those that ended too, newest first."""
    async with parts.database.reading() as session:
        page = await alert_rules.silence_page(session, org_id=caller.org_id, asked=asked)
    return SilenceList(silences=[silence_body(one) for one in page.rows], **paging(page))


@router.delete("/silences/{silence_id}", status_code=204)
async def remove_silence(silence_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Ends a silence at once."""
    async with parts.database.session() as session:
        await alert_rules.remove_silence(session, org_id=caller.org_id, silence_id=silence_id)
    return Response(status_code=204)


async def _shown(session: Session, found: Rule) -> RuleBody:
    states = await alert_watches.states_of(session, [found.id])
    return rule_body(found, states.get(found.id, {}))


async def _team(session: Session, org_id: str, ref: str) -> str:
    return await directory.team_id(session, org_id=org_id, ref=ref, field="team") if ref else ""


async def _slo(session: Session, org_id: str, ref: str) -> str:
    if not ref:
        return ""
    try:
        return (await alert_rules.find_slo(session, org_id=org_id, ref=ref)).id
    except NotFound as error:
        msg = "slo: no objective of that id or name"
        raise InvalidInput(msg) from error


async def _channels(session: Session, org_id: str, refs: list[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for one in await alert_channels.all_of(session, org_id=org_id):
        found |= {one.id: one.id, one.name: one.id}
    unknown = [ref for ref in refs if ref not in found]
    if unknown:
        msg = "channels: one of them is no channel's id or name"
        raise InvalidInput(msg)
    return tuple(dict.fromkeys(found[ref] for ref in refs))
