"""`gatewayops masking`: what is taken out of records before they are written."""

from typing import Any, TextIO

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import WrongUsage
from gatewayops.cli.shown import as_json_option, show_json, show_pairs, show_table

_ROUTE = "/v1/masking"


@click.group()
def masking() -> None:
    """What is taken out of records before they are written."""


@masking.command("list")
@as_json_option
@reaches_api()
def list_(door: Door, *, as_json: bool) -> None:
    """List the built-in classes and your own rules."""
    told = door.ask("GET", _ROUTE)["masking"]
    if as_json:
        show_json(told)
        return
    show_table(
        ["rule", "kind", "pattern"],
        ((row["name"], row["kind"], row["pattern"]) for row in told["rules"]),
        empty="No rules of your own.",
    )
    click.echo()
    show_table(
        ["built-in class", "on", "by default"],
        ((row["name"], row["is_on"], row["is_on_by_default"]) for row in told["classes"]),
        empty="",
    )


@masking.command("add")
@click.argument("name")
@click.option("--regex", metavar="PATTERN", help="Mask what this RE2 pattern matches.")
@click.option("--field", metavar="NAME", help="Mask the values of fields called so, at any depth.")
@click.option("--path", "json_path", metavar="PATH", help="Mask what is at this JSON path: $.a[*].b, $..b")
@as_json_option
@reaches_api()
def add(door: Door, /, name: str, *, as_json: bool, **content: str | None) -> None:
    """Add a rule, or replace the one of this name; give one of --regex, --field and --path."""
    told = door.ask("PUT", f"{_ROUTE}/rules/{segment(name)}", _content(content))["rule"]
    _show(told, as_json=as_json)


@masking.command("remove")
@click.argument("name")
@reaches_api()
def remove(door: Door, name: str) -> None:
    """Take a rule of your own away."""
    door.ask("DELETE", f"{_ROUTE}/rules/{segment(name)}")
    click.echo("The masking rule is removed.")


@masking.command("on")
@click.argument("class_name", metavar="CLASS")
@as_json_option
@reaches_api()
def on(door: Door, class_name: str, *, as_json: bool) -> None:
    """Switch a built-in class on."""
    told = door.ask("PUT", f"{_ROUTE}/classes/{segment(class_name)}", {"is_on": True})
    _show(told["masking_class"], as_json=as_json)


@masking.command("off")
@click.argument("class_name", metavar="CLASS")
@click.option(
    "--acknowledge-secrets-in-records",
    "is_acknowledged",
    is_flag=True,
    help="Needed for classes of secrets: all who may read traces will read them.",
)
@as_json_option
@reaches_api()
def off(door: Door, class_name: str, *, is_acknowledged: bool, as_json: bool) -> None:
    """Switch a built-in class off."""
    body = {"is_on": False, "acknowledge_secrets_in_records": is_acknowledged}
    _show(door.ask("PUT", f"{_ROUTE}/classes/{segment(class_name)}", body)["masking_class"], as_json=as_json)


@masking.command("preview")
@click.argument("sample", type=click.File(encoding="utf-8"), default="-")
@click.option("--regex", metavar="PATTERN", help="Try this rule instead of the stored ones.")
@click.option("--field", metavar="NAME", help="Try this rule instead of the stored ones.")
@click.option("--path", "json_path", metavar="PATH", help="Try this rule instead of the stored ones.")
@as_json_option
@reaches_api()
def preview(door: Door, /, sample: TextIO, *, as_json: bool, **content: str | None) -> None:
    """Show what a record would keep of SAMPLE, a file or standard input. It is stored nowhere."""
    body: dict[str, Any] = {"sample": sample.read()}
    if any(content.values()):
        body["rules"] = [{"name": "trial", **_content(content)}]
    told = door.ask("POST", f"{_ROUTE}/preview", body)
    if as_json:
        show_json(told)
        return
    click.echo(told["masked"].rstrip("\n"))
    click.echo()
    show_table(
        ["rule", "found"], ((row["name"], row["count"]) for row in told["hits"]), empty="Nothing found."
    )


def _content(given: dict[str, str | None]) -> dict[str, str]:
    found = [(kind, pattern) for kind, pattern in given.items() if pattern is not None]
    if len(found) != 1:
        msg = "give one of --regex, --field and --path"
        raise WrongUsage(msg)
    return {"kind": found[0][0], "pattern": found[0][1]}


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(told)
    else:
        show_pairs(told)
