"""Looks at rules and writes what follows: standings, incidents, and messages for the outbox.

Several control roles may do it at once: a rule's turn is claimed before its figures are asked for, and what
they mean is only written while the turn is still ours, in one transaction with the messages.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from gatewayops.alerts import detectors, silencing
from gatewayops.alerts.figures import Group, Measured
from gatewayops.alerts.message import message_of
from gatewayops.alerts.reading import Reader
from gatewayops.alerts.rule import recovery_s
from gatewayops.alerts.standing import Change, Standing, Verdict, step
from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.base.ids import new_id
from gatewayops.store.control import alert_channels, alert_incidents, alert_rules, alert_watches
from gatewayops.store.control.alert_incidents import FIRING, RESOLVED, Incident
from gatewayops.store.control.alert_rules import Rule, Silence
from gatewayops.store.control.alert_watches import Turn
from gatewayops.store.control.database import Database, Session

_log = logging.getLogger(__name__)

_AT_ONCE = 50
_QUESTIONS_AT_ONCE = 4
_ENDED = "the rule was changed, switched off or removed"


class _Look(msgspec.Struct, frozen=True):
    """One scope of a rule as it was found."""

    group: Group
    verdict: Verdict
    after: Standing | None
    change: Change
    incident_id: str  # of the standing before


class Evaluator:
    """One a control role."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        *,
        every_s: float,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """`now` is told, so that tests can say it."""
        self._database = database
        self._reader = reader
        self._every_s = every_s
        self._now = now
        self._questions = asyncio.Semaphore(_QUESTIONS_AT_ONCE)

    async def look(self) -> int:
        """Looks at all rules that are due; gives how many. Raises Unavailable without the control store."""
        looked = 0
        while True:
            now = self._now()
            async with self._database.reading() as session:
                if not await alert_watches.is_any_due(session, now=now):
                    return looked
            async with self._database.session() as session:
                turns = await alert_watches.claim(session, now=now, every_s=self._every_s, limit=_AT_ONCE)
            failures = await asyncio.gather(*(self._look_at(turn, now) for turn in turns))
            _log_failures([why for why in failures if why])
            looked += len(turns)
            if len(turns) < _AT_ONCE:
                return looked

    async def _look_at(self, turn: Turn, now: datetime) -> str:
        """Why it could not be done; empty when it was."""
        try:
            async with self._questions:
                measured = await self._reader.read(turn.rule, now)
            if _is_eventful(turn, measured, now):
                async with self._database.session() as session:
                    await _apply(session, turn, measured, now)
        except GatewayOpsError as error:  # it stands as it stood; the next turn comes in seconds
            return error.detail
        except Exception:  # noqa: BLE001 - one odd rule must not keep the others from being looked at
            _log.exception("the alert rule %s could not be looked at", turn.rule.id)
        return ""


def _log_failures(whys: list[str]) -> None:
    for why in dict.fromkeys(whys):
        _log.warning("%d alert rules were not looked at: %s", whys.count(why), why)


async def end_incidents(session: Session, rule: Rule, *, now: datetime) -> None:
    """The rule is about to change or to go: what it raised is over, and those who were told are told so."""
    await alert_watches.forget(session, rule_id=rule.id)
    for incident in await alert_incidents.open_ones(session, rule_id=rule.id):
        await _resolve(session, incident.id, now=now, summary=_ENDED, value=incident.value)


def _looks(rule: Rule, states: dict[str, Any], measured: list[Measured], now: datetime) -> list[_Look]:
    """All scopes that there are figures of, or that stood in some way before."""
    spec = rule.spec
    known = {key: msgspec.convert(value["standing"], Standing) for key, value in states.items()}
    verdicts = [(one.group, detectors.judge(spec, one.group, one.sample)) for one in measured]
    seen = {group.key for group, _ in verdicts}
    for key, value in states.items():
        if key not in seen:
            group = msgspec.convert(value["group"], Group)
            verdicts.append((group, detectors.of_nothing(spec, group.subject)))
    found = []
    for group, verdict in verdicts:
        before = known.get(group.key)
        after, change = step(
            before, verdict, now_s=now.timestamp(), for_s=spec.for_s, recovery_s=recovery_s(spec)
        )
        found.append(_Look(group, verdict, after, change, before.incident_id if before else ""))
    return found


def _is_eventful(turn: Turn, measured: list[Measured], now: datetime) -> bool:
    """Whether there is anything to write: most of the time all is as it was."""
    looks = _looks(turn.rule, turn.states, measured, now)
    has_untold = any(look.after and look.after.is_firing and not look.after.is_told for look in looks)
    return (
        has_untold or _kept(looks) != turn.states or any(look.change is not Change.NOTHING for look in looks)
    )


async def _apply(session: Session, turn: Turn, measured: list[Measured], now: datetime) -> None:
    states = await alert_watches.hold(session, turn)
    if states is None:
        return  # somebody else has the turn since, or the rule was changed
    silences = await alert_rules.silences_at(session, org_id=turn.rule.org_id, now=now)
    channels = await _channels(session, turn.rule)
    written = []
    for look in _looks(turn.rule, states, measured, now):
        if look.change is Change.RESOLVES:
            await _resolve(
                session, look.incident_id, now=now, summary=look.verdict.summary, value=look.verdict.value
            )
        after = look.after
        if after is not None and after.is_firing and not after.is_told:
            after = await _fire(session, turn.rule, look, silences, channels, now)
        written.append(msgspec.structs.replace(look, after=after))
    await alert_watches.write(session, turn, _kept(written))


async def _fire(
    session: Session,
    rule: Rule,
    look: _Look,
    silences: list[Silence],
    channels: dict[str, str],
    now: datetime,
) -> Standing:
    """Opens the incident if it is new; tells of it unless it is silenced, then as soon as it is not."""
    assert look.after is not None
    incident = _incident(rule, look, now)
    incident = await alert_incidents.open_incident(session, incident, scope=look.group.key)
    is_silent = any(silencing.covers(silence.spec, incident) for silence in silences)
    is_told = bool(channels) and not is_silent
    if is_told:
        await alert_incidents.tell(
            session, incident, event=FIRING, channels=channels, body=message_of(incident), now=now
        )
    return msgspec.structs.replace(look.after, incident_id=incident.id, is_told=is_told)


async def _resolve(session: Session, incident_id: str, *, now: datetime, summary: str, value: float) -> None:
    resolved = await alert_incidents.resolve(
        session, incident_id=incident_id, now=now, summary=summary, value=value
    )
    if resolved is None:
        return
    told = await alert_incidents.told_channels(session, incident_id=incident_id)
    await alert_incidents.tell(
        session, resolved, event=RESOLVED, channels=told, body=message_of(resolved), now=now
    )


async def _channels(session: Session, rule: Rule) -> dict[str, str]:
    found = await alert_channels.all_of(session, org_id=rule.org_id)
    named = rule.spec.channels
    return {one.id: one.name for one in found if (one.id in named if named else one.is_for_all)}


def _incident(rule: Rule, look: _Look, now: datetime) -> Incident:
    group, spec = look.group, rule.spec
    return Incident(
        id=new_id("incident"),
        org_id=rule.org_id,
        rule_id=rule.id,
        rule_name=spec.name,
        kind=spec.kind,
        severity=spec.severity,
        server=group.server[:255],
        tool=group.tool[:255],
        team_id=group.team_id[:255],
        subject=group.subject[:255],
        state=FIRING,
        summary=look.verdict.summary,
        value=look.verdict.value,
        threshold=spec.threshold,
        is_told=False,
        created_at=now,
    )


def _kept(looks: list[_Look]) -> dict[str, Any]:
    """As it is kept: JSON."""
    return {
        look.group.key: {
            "group": msgspec.to_builtins(look.group),
            "standing": msgspec.to_builtins(look.after),
        }
        for look in looks
        if look.after is not None
    }
