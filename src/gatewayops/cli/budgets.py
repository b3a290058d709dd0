"""`gatewayops budget`: how much may be spent, by whom, in dollars."""

from typing import Any
from urllib.parse import quote

import click

from gatewayops.base import clock
from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.keys import key_id
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import (
    Money,
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_page,
    show_pairs,
    show_table,
)
from gatewayops.cli.times import expiry

_ROUTE = "/v1/budgets"
_SCOPES = ("key", "user", "team", "project", "organization")

_amount = click.option("--amount", type=float, metavar="DOLLARS", help="What a period may cost.")
_period = click.option("--period", type=click.Choice(["day", "week", "month"]))
_hard = click.option(
    "--hard/--soft", "is_hard", default=None, help="Refuse calls when it is spent, or only note it. [hard]"
)
_grace = click.option(
    "--grace", "grace_percent", type=click.IntRange(0, 1000), metavar="PERCENT",
    help="So much over the amount for keys marked with --grace-key or the label grace.",
)  # fmt: skip
_grace_keys = click.option("--grace-key", "grace_keys", multiple=True, metavar="KEY", help="Mark this key.")


@click.group()
def budget() -> None:
    """How much may be spent, by whom."""


@budget.command("create")
@click.argument("scope", type=click.Choice(_SCOPES), metavar="|".join(_SCOPES))
@click.argument("subject", default="")
@_amount
@_period
@_hard
@click.option("--name", help="[default: after subject and period]")
@_grace
@_grace_keys
@as_json_option
@reaches_api()
def create(door: Door, /, scope: str, subject: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Make a budget; it counts within a second, everywhere, with what its period has spent already.

    SUBJECT is a key's id, name or prefix, a user's id or e-mail address, a team's or project's id or name;
    the organization needs none.
    """
    missing = [option for option in ("amount", "period") if given[option] is None]
    if missing:
        raise click.UsageError(f"Missing option '--{missing[0]}'.")
    if scope == "key" and subject:
        subject = key_id(door, subject)
    body = {"scope": scope, "subject": subject, **_given(door, given)}
    _show(door.ask("POST", _ROUTE, body)["budget"], as_json=as_json)


@budget.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the budgets and where they stand."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "name", "for", "period", "kind", "limit", "spent", "remaining"],
        (
            (row["id"], row["name"], f"{row['scope']} {row['subject']}", row["period"], _kind(row),
             Money(row["limit"]), Money(row["spent"]), Money(row["remaining"]))
            for row in told["budgets"]
        ),
        empty="No budgets: nothing bounds what is spent.",
        as_json=as_json,
    )  # fmt: skip


@budget.command("show")
@click.argument("ref", metavar="BUDGET")
@as_json_option
@reaches_api()
def show(door: Door, ref: str, *, as_json: bool) -> None:
    """Show one budget, what is left of it, and how its period will end. BUDGET is an id or a name."""
    told = door.ask("GET", f"{_ROUTE}/{_id_of(door, ref)}")
    if as_json:
        show_json(told)
        return
    expected = told["forecast"]
    show_pairs(
        _pairs(told["budget"])
        | {
            "expected": Money(expected["expected"]),
            "exceeded": moment(expected["exceeded_at"]) if expected["exceeded_at"] else "not in this period",
            "reached": [f"{event['threshold']}%" for event in reversed(told["events"])],
        }
    )


@budget.command("change")
@click.argument("ref", metavar="BUDGET")
@_amount
@_period
@_hard
@click.option("--name", help="Another name.")
@_grace
@_grace_keys
@as_json_option
@reaches_api()
def change(door: Door, /, ref: str, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Change what is given; the rest stays. --grace-key replaces the keys marked here."""
    body = _given(door, given)
    if not body:
        msg = "nothing to change: give an option, such as --amount 50"
        raise WrongUsage(msg)
    told = door.ask("PATCH", f"{_ROUTE}/{_id_of(door, ref)}", body)
    _show(told["budget"], as_json=as_json)


@budget.command("remove")
@click.argument("ref", metavar="BUDGET")
@reaches_api()
def remove(door: Door, ref: str) -> None:
    """Take a budget away; the ledger keeps what was spent."""
    door.ask("DELETE", f"{_ROUTE}/{_id_of(door, ref)}")
    click.echo("The budget is removed.")


@budget.command("override")
@click.argument("ref", metavar="BUDGET")
@click.option("--extra", type=float, required=True, metavar="DOLLARS", help="On top of the amount.")
@click.option("--reason", required=True, help="Why; it is kept.")
@click.option("--for", "until", default="24h", show_default=True, help="How long (2h, 3d), or until when.")
@as_json_option
@reaches_api()
def override(door: Door, ref: str, *, extra: float, reason: str, until: str, as_json: bool) -> None:
    """Let a budget spend more for a while."""
    body = {"extra": extra, "reason": reason, "until": expiry(until, clock.now(), option="--for")}
    told = door.ask("POST", f"{_ROUTE}/{_id_of(door, ref)}/overrides", body)["override"]
    if as_json:
        show_json(told)
    else:
        show_pairs(
            {
                "id": told["id"],
                "extra": Money(told["extra"]),
                "until": moment(told["until"]),
                "reason": told["reason"],
            }
        )


@budget.command("events")
@click.argument("ref", metavar="[BUDGET]", required=False)
@paging_options
@as_json_option
@reaches_api()
def events(door: Door, ref: str | None, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the thresholds that were reached: 50, 80, 100 per cent."""
    told = door.ask("GET", f"{_ROUTE}/events", limit=limit, cursor=cursor, budget=ref)
    show_page(
        told,
        ["at", "budget", "period", "threshold", "spent", "limit"],
        (
            (moment(row["created_at"]), row["budget_id"], row["period_start"], f"{row['threshold']}%",
             Money(row["spent"]), Money(row["limit"]))
            for row in told["events"]
        ),
        empty="No budget has reached a threshold.",
        as_json=as_json,
    )  # fmt: skip


@budget.command("prove")
@click.option("--from", "start_date", metavar="DAY", help="Such as 2026-05-01 [default: 7 days].")
@click.option("--to", "end_date", metavar="DAY", help="Included [default: today].")
@as_json_option
@reaches_api(needs_telemetry=True)
def prove(door: Door, start_date: str | None, end_date: str | None, *, as_json: bool) -> None:
    """Compare the ledger with the recorded calls, day by day; exit code 1 when they differ."""
    told = door.ask("GET", f"{_ROUTE}/proof", start_date=start_date, end_date=end_date)
    if as_json:
        show_json(told)
    else:
        show_table(
            ["day", "ledger", "recorded", "difference"],
            (
                (row["day"], Money(row["ledger"]), Money(row["recorded"]), Money(row["difference"]))
                for row in told["days"]
            ),
            empty="Nothing was spent.",
        )
    if not told["agrees"]:
        msg = "the ledger and the recorded calls differ"
        raise Refusal(msg)


def _given(door: Door, options: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in options.items() if value is not None and value != ()}
    if "is_hard" in body:
        body["hard"] = body.pop("is_hard")
    if "grace_keys" in body:
        body["grace_keys"] = [key_id(door, ref) for ref in body["grace_keys"]]
    return body


def _id_of(door: Door, ref: str) -> str:
    if ref.startswith("budget_"):
        return quote(ref, safe="")
    for row in door.each(_ROUTE, "budgets"):
        if row["name"] == ref:
            return str(row["id"])
    msg = f"no budget is called {ref}; see gatewayops budget list"
    raise Refusal(msg)


def _kind(row: dict[str, Any]) -> str:
    return "hard" if row["hard"] else "soft"


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(told)
    else:
        show_pairs(_pairs(told))


def _pairs(told: dict[str, Any]) -> dict[str, Any]:
    pairs = {
        "id": told["id"],
        "name": told["name"],
        "for": f"{told['scope']} {told['subject']}",
        "limit": f"${told['limit']:,.6f} a {told['period']}, {_kind(told)}",
        "spent": Money(told["spent"]),
        "remaining": Money(told["remaining"]),
        "resets": moment(told["current_period"]["reset_at"]),
    }
    if told["grace_percent"]:
        pairs["grace"] = f"{told['grace_percent']}%"
    for one in told["overrides"]:
        pairs[f"override {one['id']}"] = f"${one['extra']:,.6f} until {moment(one['until'])}: {one['reason']}"
    return pairs
