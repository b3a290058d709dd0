"""`gatewayops secrets`: the keys that seal credentials."""

from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.shown import as_json_option, show_json, show_pairs, show_table

_ROUTE = "/v1/secrets"
_CONTINUED = (
    "Some data keys are under an older master key or another provider: they are moved to the newest one; "
    "no new one is made."
)


@click.group()
def secrets() -> None:
    """The keys that seal credentials."""


@secrets.command("status")
@as_json_option
@reaches_api()
def status(door: Door, *, as_json: bool) -> None:
    """Show which master key is in use and what it wraps."""
    told = door.ask("GET", _ROUTE)["secrets"]
    if as_json:
        show_json(told)
        return
    show_pairs(
        {
            "provider": told["provider"],
            "master key": told["master_key"],
            "sealed values": told["values"],
            "to seal anew": told["values_to_seal_anew"],
        }
    )
    click.echo()
    show_table(
        ["version of the master key", "data keys"],
        ((row["version"], row["data_keys"]) for row in told["versions"]),
        empty="No data keys yet: nothing was sealed.",
    )


@secrets.command("rotate")
@click.option("--data-keys", "renews", is_flag=True, help="New data keys too: every value is sealed anew.")
@as_json_option
@reaches_api()
def rotate(door: Door, *, renews: bool, as_json: bool) -> None:
    """Make a new version of the master key and put everything under it.

    Broken off, it goes on where it stood when it is run again. Calls go on meanwhile.
    """
    now = door.ask("POST", f"{_ROUTE}/rotation", {"begins": True, "renews_data_keys": renews})["rotation"]
    if now["is_continued"]:
        click.echo(_CONTINUED, err=True)
    keys, values = now["keys_left"], now["values_left"]
    done = {"keys": 0, "values": 0}
    while not now["is_done"]:
        now = door.ask("POST", f"{_ROUTE}/rotation", {"begins": False})["rotation"]
        done["keys"] += now["keys_wrapped"]
        done["values"] += now["values_sealed"]
        click.echo(
            f"data keys {done['keys']} of {max(keys, done['keys'])}, "
            f"sealed values {done['values']} of {max(values, done['values'])}",
            err=True,
        )
    _show(now, done, as_json=as_json)


def _show(now: dict[str, Any], done: dict[str, int], *, as_json: bool) -> None:
    told = {"master_key": now["master_key"], "keys_wrapped": done["keys"], "values_sealed": done["values"]}
    if as_json:
        show_json(told)
    else:
        show_pairs({name.replace("_", " "): value for name, value in told.items()})
