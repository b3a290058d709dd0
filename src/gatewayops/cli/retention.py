"""`gatewayops retention`: how long calls and what was sent in them are kept, by the whole installation."""

from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.shown import as_json_option, show_json, show_pairs

_DAYS = click.IntRange(1, 3650)


@click.group()
def retention() -> None:
    """How long calls are kept."""


@retention.command("show")
@as_json_option
@reaches_api(needs_telemetry=True)
def show(door: Door, *, as_json: bool) -> None:
    """Show how many days calls and payloads are kept."""
    _tell(door.ask("GET", "/v1/retention"), as_json=as_json)


@retention.command("set")
@click.option("--spans", "spans_days", type=_DAYS, required=True, metavar="DAYS", help="Calls and figures.")
@click.option(
    "--payloads",
    "payloads_days",
    type=_DAYS,
    metavar="DAYS",
    help="What was sent and answered [default: as --spans].",
)
@as_json_option
@reaches_api(needs_telemetry=True)
def set_(door: Door, *, spans_days: int, payloads_days: int | None, as_json: bool) -> None:
    """Change it, for all organisations; what is over by now is gone within hours."""
    wanted = {"spans_days": spans_days, "payloads_days": payloads_days}
    _tell(door.ask("PUT", "/v1/retention", wanted), as_json=as_json)


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(told)
        return
    kept = told["retention"]
    show_pairs({"spans": f"{kept['spans_days']} days", "payloads": f"{kept['payloads_days']} days"})
