"""`gatewayops demo`: fills an installation with an invented company's calls, and takes them out again."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from gatewayops.cli.root import Refusal
from gatewayops.cli.shown import Money, as_json_option, show_json, show_pairs

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayops.settings import Settings
    from gatewayops.store.control.database import Database
    from gatewayops.store.telemetry.client import Telemetry

T = TypeVar("T")

_MOST_CALLS = 10_000_000
_data = click.option("--data", metavar="DIR", help="The data directory [default: ./.gatewayops].")
_NOUNS = {  # of tables: one, and several
    "teams": ("team", "teams"),
    "projects": ("project", "projects"),
    "users": ("user", "users"),
    "api_keys": ("key", "keys"),
    "mcp_servers": ("server", "servers"),
    "price_rules": ("price", "prices"),
    "end_users": ("end user", "end users"),
    "oauth_clients": ("client", "clients"),
    "access_policies": ("policy", "policies"),
    "limit_rules": ("limit", "limits"),
    "budgets": ("budget", "budgets"),
    "alert_rules": ("alert rule", "alert rules"),
    "alert_slos": ("objective", "objectives"),
}


@click.group()
def demo() -> None:
    """Demo data: a month of an invented company's calls."""


@demo.command()
@_data
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True, help="Up to now.")
@click.option(
    "--calls",
    type=click.IntRange(100, _MOST_CALLS),
    default=40_000,
    show_default=True,
    help="How many in all.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same company.")
@click.option("--anyway", is_flag=True, help="Also where alert channels would be told, or a budget burdened.")
@as_json_option
def seed(*, data: str | None, days: int, calls: int, seed: int, anyway: bool, as_json: bool) -> None:
    """Fill a data directory with demo data, whether it runs or not. Marked, and removable."""
    from gatewayops.demo.seeding import Seeding, Wanted

    wanted = Wanted(days=days, calls=calls, seed=seed, anyway=anyway)
    began = time.monotonic()
    with click.progressbar(length=calls, label="Seeding", file=sys.stderr) as bar:

        async def work(database: "Database", telemetry: "Telemetry", path: "Path") -> dict[str, object]:
            import msgspec

            done = await Seeding(database, telemetry, path).seed(wanted, bar.update)
            told: dict[str, object] = msgspec.to_builtins(done)
            return told

        told = _with_stores(data, work)
    if as_json:
        show_json(told)
        return
    show_pairs(
        {
            "calls": f"{told['calls']:,} over {days} days, marked with the environment demo",
            "cost": Money(int(str(told["cost_micros"])) / 1_000_000),
            "made": _counted(told["objects"]),
            "took": f"{time.monotonic() - began:.0f} s",
        }
    )
    click.echo("`gatewayops demo remove` takes all of it out again.")


@demo.command()
@_data
@as_json_option
def remove(*, data: str | None, as_json: bool) -> None:
    """Take the demo data out again, and nothing else. Entries of the audit log stay."""

    async def work(database: "Database", telemetry: "Telemetry", path: "Path") -> dict[str, object]:
        import msgspec

        from gatewayops.demo import removal

        told: dict[str, object] = msgspec.to_builtins(await removal.remove(database, telemetry, path))
        return told

    told = _with_stores(data, work)
    if as_json:
        show_json(told)
        return
    show_pairs(
        {
            "calls": f"{told['calls']:,}",
            "ledger entries": f"{told['ledger_entries']:,}",
            "incidents": told["incidents"],
            "objects": _counted(told["objects"]),
        }
    )
    click.echo(
        "Removed. The audit log keeps that they were made and removed: nothing is ever taken out of it."
    )


def _counted(objects: object) -> str:
    assert isinstance(objects, dict)
    counts = [(objects[table], nouns) for table, nouns in _NOUNS.items() if table in objects]
    return (
        ", ".join(f"{count} {one if count == 1 else several}" for count, (one, several) in counts) or "none"
    )


def _with_stores(data: str | None, work: Callable[["Database", "Telemetry", "Path"], Awaitable[T]]) -> T:
    """Opens both stores beside the roles that may run there."""
    from gatewayops.app.layout import DataDirectory
    from gatewayops.cli.local_store import store_for
    from gatewayops.settings import load

    settings = load({"data_dir": data} if data else None)
    path = DataDirectory(settings.data).prepare().demo_marks
    with store_for(settings, is_needed=True) as store:
        try:
            return asyncio.run(_opened(settings, store.address, path, work))
        except KeyboardInterrupt as error:
            msg = "interrupted; `gatewayops demo remove` takes out what is there"
            raise Refusal(msg) from error


async def _opened(
    settings: "Settings",
    store_address: str,
    path: "Path",
    work: Callable[["Database", "Telemetry", "Path"], Awaitable[T]],
) -> T:
    from gatewayops.app.stores import open_database, open_telemetry

    async with (
        open_telemetry(settings, store_address=store_address) as telemetry,
        open_database(settings) as database,
    ):
        return await work(database, telemetry, path)
