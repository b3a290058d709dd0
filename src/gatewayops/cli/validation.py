"""`gatewayops validation`: what arguments must be like; `gatewayops transform`: how calls are changed."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import as_json_option, paging_options, show_json, show_page, show_pairs, show_table

_RULES = "/v1/validation/rules"
_TRANSFORMS = "/v1/transforms"
_MODES = click.Choice(["off", "report", "block"])
_FIELDS = ("schema_mode", "max_bytes", "max_depth", "max_items")


@click.group()
def validation() -> None:
    """What the arguments of calls must be like."""


@validation.command("set")
@click.option("--server", default="", help="For this server only.")
@click.option("--tool", default="", help="For this tool only.")
@click.option("--schema", "schema_mode", type=_MODES, help="What the tool's own schema does.")
@click.option("--max-bytes", type=int, help="Of the arguments, as JSON.")
@click.option("--max-depth", type=int, help="Levels of objects and lists.")
@click.option("--max-items", type=int, help="Members and elements at all levels.")
@click.option("--pattern", "patterns", multiple=True, metavar="SET=MODE", help="A starter set's mode.")
@click.option(
    "--own", "own", multiple=True, metavar="NAME=MODE=RE2", help="A pattern of your own; may be repeated."
)
@as_json_option
@reaches_api()
def set_(
    door: Door,
    /,
    *,
    as_json: bool,
    patterns: tuple[str, ...],
    own: tuple[str, ...],
    **rule: object,
) -> None:
    """Make the rule of a server's tool, of a server, or of all; it replaces the one that is there."""
    if not patterns and not own and all(rule[field] is None for field in _FIELDS):
        msg = "say what holds: --schema, --max-bytes, --max-depth, --max-items, --pattern or --own"
        raise WrongUsage(msg)
    body = {
        **rule,
        "patterns": dict(_split(one, 2, "--pattern SET=MODE") for one in patterns),
        "own_patterns": [
            dict(zip(("name", "mode", "pattern"), _split(one, 3, "--own NAME=MODE=RE2"), strict=True))
            for one in own
        ],
    }
    told = door.ask("PUT", _RULES, body)["rule"]
    if as_json:
        show_json(told)
    else:
        show_pairs(_pairs(told))


@validation.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the rules."""
    told = door.ask("GET", _RULES, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "server", "tool", "schema", "max bytes", "max depth", "max items", "patterns"],
        ([str(cell) for cell in _pairs(rule).values()] for rule in told["rules"]),
        empty="No validation rules: the settings count, and the tools' own schemas.",
        as_json=as_json,
    )


@validation.command("remove")
@click.argument("rule_id", metavar="[ID]", required=False)
@click.option("--server", default="", help="The rule of this server.")
@click.option("--tool", default="", help="The rule of this tool.")
@reaches_api()
def remove(door: Door, rule_id: str | None, server: str, tool: str) -> None:
    """Take a rule away, by its id or by what it names; without either, the rule of all."""
    if rule_id is None:
        rule_id = _find(door, server, tool)
    door.ask("DELETE", f"{_RULES}/{segment(rule_id)}")
    click.echo("The validation rule is removed.")


@validation.command("patterns")
@as_json_option
@reaches_api()
def patterns(door: Door, *, as_json: bool) -> None:
    """Show the sets of deny patterns to start from."""
    told = door.ask("GET", "/v1/validation/patterns")
    if as_json:
        show_json(told)
        return
    show_table(
        ["set", "pattern"],
        ((one["name"], pattern) for one in told["sets"] for pattern in one["patterns"]),
        empty="No sets.",
    )


@validation.command("check")
@click.argument("server")
@click.argument("tool")
@click.argument("arguments", metavar="JSON")
@as_json_option
@reaches_api()
def check(door: Door, server: str, tool: str, arguments: str, *, as_json: bool) -> None:
    """Say whether a call with these arguments would pass, without calling (- reads standard input)."""
    text = sys.stdin.read() if arguments == "-" else arguments
    told = door.ask("POST", "/v1/validation/check", {"server": server, "tool": tool, "arguments_json": text})
    if as_json:
        show_json(told)
        return
    show_pairs(
        {
            "allowed": told["allowed"],
            "reason": told["reason"],
            "message": told["message"],
            "reported": told["reported"],
            "not checked": told["unchecked"],
        }
    )


@click.group()
def transform() -> None:
    """How calls are changed on their way."""


@transform.command("add")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json_option
@reaches_api()
def add(door: Door, path: Path, *, as_json: bool) -> None:
    """Make a transformation from a JSON file with the fields that `POST /v1/transforms` takes."""
    try:
        body = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        msg = f"{path} is not JSON: {error}"
        raise WrongUsage(msg) from error
    told = door.ask("POST", _TRANSFORMS, body)["transform"]
    if as_json:
        show_json(told)
    else:
        show_pairs(_shown(told))


@transform.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_transforms(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the transformations."""
    told = door.ask("GET", _TRANSFORMS, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "name", "server", "tool", "position", "request", "response", "headers"],
        (list(_shown(one).values()) for one in told["transforms"]),
        empty="No transformations: calls pass as they are.",
        as_json=as_json,
    )


@transform.command("remove")
@click.argument("ref", metavar="ID_OR_NAME")
@reaches_api()
def remove_transform(door: Door, ref: str) -> None:
    """Take a transformation away."""
    by_name = (one["id"] for one in door.each(_TRANSFORMS, "transforms") if one["name"] == ref)
    door.ask("DELETE", f"{_TRANSFORMS}/{segment(next(by_name, ref))}")
    click.echo("The transformation is removed.")


def _split(text: str, count: int, form: str) -> list[str]:
    parts = text.split("=", count - 1)
    if len(parts) != count:
        msg = f"{text}: give it as {form}"
        raise WrongUsage(msg)
    return parts


def _find(door: Door, server: str, tool: str) -> str:
    for rule in door.each(_RULES, "rules"):
        if (rule["server"], rule["tool"]) == (server, tool):
            return str(rule["id"])
    msg = f"no validation rule names the server {server or 'any'} and the tool {tool or 'any'}"
    raise Refusal(msg)


def _pairs(rule: dict[str, Any]) -> dict[str, Any]:
    modes = [f"{name}={mode}" for name, mode in rule["patterns"].items()]
    modes += [f"{own['name']}={own['mode']}" for own in rule["own_patterns"]]
    return {
        "id": rule["id"],
        "server": rule["server"] or "any",
        "tool": rule["tool"] or "any",
        **{field.replace("_", " "): "broader" if rule[field] is None else rule[field] for field in _FIELDS},
        "patterns": ", ".join(modes) or "-",
    }


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": one["id"],
        "name": one["name"],
        "server": one["server"] or "any",
        "tool": one["tool"] or "any",
        "position": one["position"],
        "request": [f"{step['op']} {step['path']}" for step in one["request"]],
        "response": [f"{step['op']} {step['path']}" for step in one["response"]],
        "headers": one["header_names"],
    }
