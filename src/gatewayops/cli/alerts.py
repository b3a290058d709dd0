"""`gatewayops alert`: rules, objectives, channels, silences, and the incidents that came of them."""

from typing import Any

import click

from gatewayops.base import clock
from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import (
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_page,
    show_pairs,
    show_table,
)
from gatewayops.cli.times import expiry, length, span

_ROUTE = "/v1/alerts"
_KINDS = (
    *("error_rate", "latency_percentile", "call_volume", "rate_limit_hits", "budget_threshold"),
    *("auth_failures", "unusual", "slo_burn"),
)
_CHANNELS = ("slack", "pagerduty", "webhook", "email", "apprise")
_SECRET_CHANNELS = ("slack", "pagerduty", "apprise")
_SEVERITIES = ("info", "warning", "critical")
_DELIVERED = ("channel", "event", "state", "attempts", "sent", "answer")
_UNITS = {"error_rate": "%", "latency_percentile": " ms", "budget_threshold": "%"}

_server = click.option("--server", metavar="NAME", help="Of this server only.")
_tool = click.option("--tool", metavar="NAME", help="Of this tool only.")


@click.group()
def alert() -> None:
    """When somebody is told, of what, and who was."""


@alert.group("rule")
def rules() -> None:
    """When somebody is to be told."""


@rules.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_rules(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the rules and how they stand."""
    told = door.ask("GET", f"{_ROUTE}/rules", limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "name", "kind", "of", "threshold", "severity", "state"],
        (
            (row["id"], row["name"], row["kind"], _scope(row), _threshold(row), row["severity"], row["state"])
            for row in told["rules"]
        ),
        empty="No rules: gatewayops alert rule defaults makes the default ones.",
        as_json=as_json,
    )


@rules.command("show")
@click.argument("ref", metavar="RULE")
@as_json_option
@reaches_api()
def show_rule(door: Door, ref: str, *, as_json: bool) -> None:
    """Show a rule: what it watches, whom it tells, how it stands. RULE is an id or a name."""
    told = door.ask("GET", f"{_ROUTE}/rules/{_find(door, 'rules', ref)['id']}")
    if as_json:
        show_json(told)
        return
    row = told["rule"]
    names = {one["id"]: one["name"] for one in door.each(f"{_ROUTE}/channels", "channels")}
    about = {name: row[name] for name in ("id", "name", "kind")} | {"of": _scope(row)}
    when = {
        "threshold": _threshold(row),
        "percentile": row["percentile"] if row["kind"] == "latency_percentile" else None,
        "measure": row["measure"] if row["kind"] == "unusual" else None,
        "objective": row["slo"],
        "window": length(row["window_s"]),
        "must last": length(row["for_s"]) if row["for_s"] else "at once",
        "of at least": f"{row['min_calls']} calls" if row["min_calls"] else None,
    }
    tells = {
        "severity": row["severity"],
        "tells": [names.get(one, one) for one in row["channels"]] or "the channels of all rules",
        "state": row["state"],
        "changed": moment(row["updated_at"]),
    }
    show_pairs(about | {name: value for name, value in when.items() if value} | tells)


@rules.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(_KINDS), required=True)
@click.option("--threshold", type=float, metavar="N", help="Per cent, ms or calls, after the kind. [1]")
@_server
@_tool
@click.option("--team", metavar="TEAM", help="Of this team only: an id or name.")
@click.option(
    "--split-by", type=click.Choice(["server", "tool", "team"]), help="An incident of each of them."
)
@click.option("--below", is_flag=True, help="Of call_volume: too few, not too many.")
@click.option("--percentile", type=int, metavar="N", help="Of latency_percentile: 50, 90, 95 or 99. [95]")
@click.option("--window", metavar="SPAN", help="Over which time, such as 5m. [5m]")
@click.option("--for", "for_", metavar="SPAN", help="How long it must last, such as 2m. [at once]")
@click.option("--min-calls", type=int, metavar="N", help="Fewer calls say nothing. [0]")
@click.option("--severity", type=click.Choice(_SEVERITIES), help="[warning]")
@click.option("--channel", "channels", multiple=True, metavar="CHANNEL", help="Tell this one (repeatable).")
@click.option("--slo", metavar="SLO", help="Of slo_burn: the objective's id or name.")
@as_json_option
@reaches_api()
def add_rule(door: Door, /, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Make a rule; it is looked at within seconds. Without --channel those of all rules are told."""
    body = {name: value for name, value in given.items() if value not in (None, (), False)}
    for option, field in (("window", "window_s"), ("for_", "for_s")):
        if option in body:
            given_span = span(body.pop(option), option=f"--{option.rstrip('_')}")
            body[field] = int(given_span.total_seconds())
    if body.pop("below", False):
        body["direction"] = "below"
    told = door.ask("POST", f"{_ROUTE}/rules", body)["rule"]
    _show(told, ("id", "name", "kind", "threshold", "window_s", "severity", "state"), as_json=as_json)


@rules.command("defaults")
@reaches_api()
def defaults(door: Door) -> None:
    """Make those of the default rules that are not there."""
    made = door.ask("POST", f"{_ROUTE}/rules/defaults")["rules"]
    click.echo(f"{len(made)} rules were made.")


def _switch(door: Door, ref: str, *, is_on: bool) -> None:
    found = _find(door, "rules", ref)
    door.ask("PATCH", f"{_ROUTE}/rules/{found['id']}", {"enabled": is_on})
    click.echo(f"The rule is {'on' if is_on else 'off'}.")


@rules.command("enable")
@click.argument("ref", metavar="RULE")
@reaches_api()
def enable(door: Door, ref: str) -> None:
    """Switch a rule on; RULE is an id or a name."""
    _switch(door, ref, is_on=True)


@rules.command("disable")
@click.argument("ref", metavar="RULE")
@reaches_api()
def disable(door: Door, ref: str) -> None:
    """Switch a rule off; its open incidents end."""
    _switch(door, ref, is_on=False)


@rules.command("remove")
@click.argument("ref", metavar="RULE")
@reaches_api()
def remove_rule(door: Door, ref: str) -> None:
    """Take a rule away; its open incidents end."""
    door.ask("DELETE", f"{_ROUTE}/rules/{_find(door, 'rules', ref)['id']}")
    click.echo("The rule is removed.")


@alert.group("channel")
def channel() -> None:
    """Where alerts are sent."""


@channel.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_channels(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the channels."""
    told = door.ask("GET", f"{_ROUTE}/channels", limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "name", "kind", "address", "for all rules"],
        ((row["id"], row["name"], row["kind"], row["address"], row["for_all"]) for row in told["channels"]),
        empty="No channels: nobody is told of incidents.",
        as_json=as_json,
    )


@channel.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(_CHANNELS), required=True)
@click.option("--to", metavar="ADDRESS", help="A webhook's URL, or e-mail addresses.")
@click.option(
    "--secret",
    metavar="SECRET",
    help="Slack's webhook URL, PagerDuty's integration key, apprise's URL; asked for, hidden.",
)
@click.option("--only-named", is_flag=True, help="Only for rules that name it.")
@as_json_option
@reaches_api()
def add_channel(door: Door, /, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Make a channel. A webhook gets a secret that signs; it is shown now and never again."""
    if given["kind"] in _SECRET_CHANNELS and not given["secret"]:
        given["secret"] = click.prompt("Secret", hide_input=True)
    body = {name: given[name] for name in ("name", "kind", "secret") if given[name]}
    body |= {"address": given["to"] or "", "for_all": not given["only_named"]}
    told = door.ask("POST", f"{_ROUTE}/channels", body)
    if as_json:
        show_json(told)
        return
    shown = {name: told["channel"][name] for name in ("id", "name", "kind", "address")}
    show_pairs(shown | ({"secret": told["secret"]} if told["secret"] else {}))


@channel.command("test")
@click.argument("ref", metavar="CHANNEL")
@as_json_option
@reaches_api()
def test_channel(door: Door, ref: str, *, as_json: bool) -> None:
    """Send a message now and show what the other side said; exit code 1 when it did not take it."""
    told = door.ask("POST", f"{_ROUTE}/channels/{_find(door, 'channels', ref)['id']}/test")
    if as_json:
        show_json(told)
    if not told["delivered"]:
        msg = f"not delivered: {told['answer']}"
        raise Refusal(msg)
    if not as_json:
        click.echo(f"Delivered: {told['answer']}")


@channel.command("remove")
@click.argument("ref", metavar="CHANNEL")
@reaches_api()
def remove_channel(door: Door, ref: str) -> None:
    """Take a channel away; messages that wait for it are dropped."""
    door.ask("DELETE", f"{_ROUTE}/channels/{_find(door, 'channels', ref)['id']}")
    click.echo("The channel is removed.")


@alert.group("incident")
def incident() -> None:
    """What rules found."""


@incident.command("list")
@click.option("--state", type=click.Choice(["firing", "resolved"]))
@paging_options
@as_json_option
@reaches_api()
def list_incidents(door: Door, state: str | None, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List incidents, newest first."""
    told = door.ask("GET", f"{_ROUTE}/incidents", state=state, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "since", "until", "severity", "state", "summary"],
        (
            (row["id"], moment(row["started_at"]), moment(row["resolved_at"]), row["severity"], row["state"],
             row["summary"])
            for row in told["incidents"]
        ),
        empty="No incidents.",
        as_json=as_json,
    )  # fmt: skip


@incident.command("show")
@click.argument("incident_id", metavar="INCIDENT")
@as_json_option
@reaches_api()
def show_incident(door: Door, incident_id: str, *, as_json: bool) -> None:
    """Show one incident and who was told of it."""
    told = door.ask("GET", f"{_ROUTE}/incidents/{segment(incident_id)}")
    if as_json:
        show_json(told)
        return
    found = told["incident"]
    times = {"since": moment(found["started_at"]), "until": moment(found["resolved_at"])}
    show_pairs({name: found[name] for name in ("id", "rule", "severity", "state", "summary")} | times)
    show_table(
        _DELIVERED,
        map(_delivered, told["deliveries"]),
        empty="Nobody was told.",
    )


@alert.command("deliveries")
@click.option("--state", type=click.Choice(["waiting", "sent", "failed", "dropped"]))
@click.option("--channel", "ref", metavar="CHANNEL", help="To this channel only: an id or a name.")
@paging_options
@as_json_option
@reaches_api()
def list_deliveries(
    door: Door, state: str | None, ref: str | None, limit: int, cursor: str | None, *, as_json: bool
) -> None:  # fmt: skip
    """List the messages to channels and what became of them, newest first."""
    channel_id = _find(door, "channels", ref)["id"] if ref else None
    asked = {"state": state, "channel": channel_id}
    told = door.ask("GET", f"{_ROUTE}/deliveries", limit=limit, cursor=cursor, **asked)
    show_page(
        told,
        ["at", "incident", *_DELIVERED],
        ((moment(row["created_at"]), row["incident_id"], *_delivered(row)) for row in told["deliveries"]),
        empty="No messages.",
        as_json=as_json,
    )


@alert.group("silence")
def silence() -> None:
    """Which incidents tell nobody, and until when."""


@silence.command("add")
@click.option("--rule", metavar="RULE", help="Incidents of this rule only: an id or name.")
@_server
@_tool
@click.option("--severity", type=click.Choice(_SEVERITIES), help="Of this severity only.")
@click.option("--for", "until", default="2h", show_default=True, help="How long (2h, 3d), or until when.")
@click.option("--reason", required=True, help="Why; it is kept.")
@as_json_option
@reaches_api()
def add_silence(door: Door, /, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Silence incidents for a while: all, or those that fit what is given."""
    body = {name: value for name, value in given.items() if value is not None}
    body["until"] = expiry(given["until"], clock.now(), option="--for")
    told = door.ask("POST", f"{_ROUTE}/silences", body)["silence"]
    _show(told | {"until": moment(told["until"])}, ("id", "until", "reason"), as_json=as_json)


@silence.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_silences(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the silences, those that ended too."""
    told = door.ask("GET", f"{_ROUTE}/silences", limit=limit, cursor=cursor)
    names = ("rule_id", "server", "tool", "severity")
    show_page(
        told,
        ["id", "until", *names, "reason"],
        (
            (row["id"], moment(row["until"]), *(row[name] for name in names), row["reason"])
            for row in told["silences"]
        ),
        empty="No silences.",
        as_json=as_json,
    )


@silence.command("remove")
@click.argument("silence_id", metavar="SILENCE")
@reaches_api()
def remove_silence(door: Door, silence_id: str) -> None:
    """End a silence at once."""
    door.ask("DELETE", f"{_ROUTE}/silences/{segment(silence_id)}")
    click.echo("The silence is over.")


@alert.group("slo")
def slo() -> None:
    """What share of a tool's calls shall succeed."""


@slo.command("add")
@click.argument("name")
@click.argument("server")
@click.argument("tool", default="")
@click.option("--objective", type=float, required=True, metavar="PERCENT", help="Such as 99.5.")
@click.option("--days", "period_days", type=int, default=30, show_default=True, help="Over how many days.")
@as_json_option
@reaches_api()
def add_slo(door: Door, /, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Make an objective of a server, or of one of its tools."""
    told = door.ask("POST", f"{_ROUTE}/slos", given)["slo"]
    _show(told, ("id", "name", "server", "tool", "objective", "period_days"), as_json=as_json)


@slo.command("show")
@click.argument("ref", metavar="SLO")
@as_json_option
@reaches_api(needs_telemetry=True)
def show_slo(door: Door, ref: str, *, as_json: bool) -> None:
    """Show an objective and how it stands."""
    told = door.ask("GET", f"{_ROUTE}/slos/{_find(door, 'slos', ref)['id']}")
    if as_json:
        show_json(told)
        return
    found, stands = told["slo"], told["standing"]
    show_pairs(
        {
            "name": found["name"],
            "of": "/".join(part for part in (found["server"], found["tool"]) if part),
            "objective": f"{found['objective']:g}% over {found['period_days']} days",
            "attained": f"{stands['attained']:.3f}% of {stands['calls']} calls",
            "failures": stands["failures"],
            "budget left": f"{stands['budget_left']:.1f}%",
        }
    )


@slo.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_slos(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the objectives."""
    told = door.ask("GET", f"{_ROUTE}/slos", limit=limit, cursor=cursor)
    names = ("id", "name", "server", "tool", "objective", "period_days")
    show_page(
        told,
        ["id", "name", "server", "tool", "objective %", "days"],
        (tuple(row[name] for name in names) for row in told["slos"]),
        empty="No objectives.",
        as_json=as_json,
    )


@slo.command("remove")
@click.argument("ref", metavar="SLO")
@reaches_api()
def remove_slo(door: Door, ref: str) -> None:
    """Take an objective away, with the rules that watch it."""
    door.ask("DELETE", f"{_ROUTE}/slos/{_find(door, 'slos', ref)['id']}")
    click.echo("The objective is removed.")


def _find(door: Door, noun: str, ref: str) -> dict[str, Any]:
    """A row by id or name."""
    if not ref:
        msg = "give an id or a name"
        raise WrongUsage(msg)
    for row in door.each(f"{_ROUTE}/{noun}", noun):
        if ref in (row["id"], row["name"]):
            return row
    msg = f"none of the {noun} has the id or name {ref}"
    raise Refusal(msg)


def _show(told: dict[str, Any], names: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        show_json(told)
    else:
        show_pairs({name: told[name] for name in names})


def _delivered(row: dict[str, Any]) -> tuple[Any, ...]:
    sent = moment(row["sent_at"])
    return row["channel"], row["event"], row["state"], row["attempts"], sent, row["answer"]


def _scope(row: dict[str, Any]) -> str:
    where = "/".join(part for part in (row["server"], row["tool"]) if part) or row["team"]
    each = f"each {row['split_by']}" if row["split_by"] else ""
    return ", ".join(part for part in (where, each) if part) or "all"


def _threshold(row: dict[str, Any]) -> str:
    sign = "<" if row["direction"] == "below" else ">="
    return f"{sign} {row['threshold']:g}{_UNITS.get(row['kind'], '')}"
