"""`gatewayops tool`: the tools of servers as they were approved, and what changed in them since.

What a server wrote is printed with every invisible character spelled out, for it may be an attack.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import as_json_option, moment, show_json, show_pairs, show_table

_SERVERS = "/v1/servers"
_MODES = ("block", "warn", "allow", "inherit")
_HASH_SHOWN = 19  # `sha256:` and twelve digits


@click.group()
def tool() -> None:
    """Tools of servers: what is approved, what changed."""


@tool.command("list")
@click.argument("server", required=False)
@click.option("--held", "is_held", is_flag=True, help="Only those that wait for a decision.")
@as_json_option
@reaches_api()
def list_(door: Door, server: str | None, *, is_held: bool, as_json: bool) -> None:
    """List the tools that SERVER (or any server) has shown."""
    names = [server] if server else [row["name"] for row in door.each(_SERVERS, "servers")]
    found = [{"server": name, **row} for name in names for row in _tools(door, name)]
    if is_held:
        found = [row for row in found if row["state"] == "held"]
    if as_json:
        show_json({"tools": found})
        return
    show_table(
        ["server", "tool", "state", "warnings", "hash", "first seen", "last seen"],
        (
            (
                row["server"],
                row["name"],
                _state(row),
                sorted({flag["kind"] for flag in row["warnings"]}),
                row["hash"][:_HASH_SHOWN],
                moment(row["first_seen_at"]),
                moment(row["last_seen_at"]),
            )
            for row in found
        ),
        empty="No tool waits for a decision." if is_held else "No tools are known yet.",
    )
    if server and not found and (failure := door.ask("GET", _path(server))["failure"]):
        click.echo(f"The last time it was asked: {_visible(failure)}")


@tool.command("show")
@click.argument("server")
@click.argument("name", metavar="TOOL")
@as_json_option
@reaches_api()
def show(door: Door, server: str, name: str, *, as_json: bool) -> None:
    """Show TOOL of SERVER as the server offers it now."""
    told = door.ask("GET", _path(server, name))["tool"]
    if as_json:
        show_json(told)
        return
    show_pairs(
        {
            "tool": told["name"],
            "state": _state(told),
            "hash": told["hash"],
            "approved": told["approved_hash"],
            "first seen": moment(told["first_seen_at"]),
            "last seen": moment(told["last_seen_at"]),
            "changed": moment(told["changed_at"]),
            "decided by": told["decided_by"],
            "decided": moment(told["decided_at"]),
        }
    )
    click.echo(_visible(json.dumps(told["definition"], indent=2, ensure_ascii=False)))
    _show_warnings(told["warnings"])


@tool.command("diff")
@click.argument("server")
@click.argument("name", metavar="TOOL")
@as_json_option
@reaches_api()
def diff(door: Door, server: str, name: str, *, as_json: bool) -> None:
    """Show what differs between the approved definition of TOOL and the one offered now."""
    told = door.ask("GET", _path(server, name, "diff"))
    if as_json:
        show_json(told)
    else:
        _show_diff(server, name, told["diff"])


def _decides(command: Any) -> Any:  # noqa: ANN401 - a click decorator
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask again."),
        click.option("--hash", "known", metavar="HASH", help="Only the definition of this hash, unasked."),
        click.argument("name", metavar="[TOOL]", required=False),
        click.argument("server"),
    ):
        command = option(command)
    return command


@tool.command("approve")
@_decides
@as_json_option
@reaches_api()
def approve(door: Door, /, *, as_json: bool, **which: Any) -> None:  # noqa: ANN401 - options
    """Approve TOOL of SERVER as it is offered now, or all held tools of SERVER, after showing the changes."""
    _decide(door, "approve", _Wanted(**which), as_json=as_json)


@tool.command("reject")
@_decides
@as_json_option
@reaches_api()
def reject(door: Door, /, *, as_json: bool, **which: Any) -> None:  # noqa: ANN401 - options
    """Hold TOOL of SERVER as it is offered now, in every mode; an approved one is held again."""
    _decide(door, "reject", _Wanted(**which), as_json=as_json)


@tool.command("refresh")
@click.argument("server")
@as_json_option
@reaches_api()
def refresh(door: Door, server: str, *, as_json: bool) -> None:
    """Ask SERVER for its tools now."""
    told = door.ask("POST", f"{_path(server)}/refresh")
    if as_json:
        show_json(told)
        return
    waiting = sum(row["state"] == "held" for row in _tools(door, server))
    click.echo(f"{server} was asked. Tools that wait for a decision: {waiting}.")


@tool.command("pinning")
@click.argument("server", required=False)
@click.option("--mode", type=click.Choice(_MODES), help="What happens from now on.")
@as_json_option
@reaches_api()
def pinning(door: Door, server: str | None, mode: str | None, *, as_json: bool) -> None:
    """Show or set what happens to changed and new tools of SERVER, or of all servers.

    block holds them until somebody approves, warn lets them pass and lists them as held, allow approves
    them; inherit returns to what the organisation says, or to block.
    """
    route = f"{_SERVERS}/{quote(server, safe='')}/pinning" if server else "/v1/pinning"
    if mode is not None:
        told = door.ask("PUT", route, {"pinning": None if mode == "inherit" else mode})
    elif server:
        told = door.ask("GET", _path(server), limit=1)["pinning"]
    else:
        told = door.ask("GET", route)
    if as_json:
        show_json(told)
    else:
        click.echo(f"{told['pinning']} (said by: {told['source']})")


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    server: str
    name: str | None
    known: str | None
    yes: bool


def _decide(door: Door, verb: str, wanted: _Wanted, *, as_json: bool) -> None:
    if wanted.known and wanted.name is None:
        msg = "--hash is of one TOOL"
        raise WrongUsage(msg)
    decided = []
    for name in [wanted.name] if wanted.name else _waiting(door, wanted.server):
        seen = wanted.known or _look(door, wanted.server, name, is_quiet=as_json)
        if not (wanted.known or wanted.yes):
            click.confirm(f"{verb} {wanted.server} {_visible(name)}?", abort=True, err=as_json)
        decided.append(door.ask("POST", _path(wanted.server, name, verb), {"hash": seen})["tool"])
    if as_json:
        show_json({"tools": decided})
        return
    for row in decided:
        click.echo(f"{_visible(row['name'])} is {_state(row)}.")


def _waiting(door: Door, server: str) -> list[str]:
    names = [row["name"] for row in _tools(door, server) if row["state"] == "held"]
    if not names:
        msg = f"no tool of {server} waits for a decision"
        raise Refusal(msg)
    return names


def _look(door: Door, server: str, name: str, *, is_quiet: bool) -> str:
    """Shows what is decided about; the hash of just that."""
    told = door.ask("GET", _path(server, name))["tool"]
    if not is_quiet:
        _show_diff(server, name, told["diff"])
    return str(told["hash"])


def _tools(door: Door, server: str) -> Iterator[dict[str, Any]]:
    return door.each(_path(server), "tools")


def _path(server: str, *parts: str) -> str:
    return "/".join((f"{_SERVERS}/{quote(server, safe='')}/tools", *(quote(part, safe="") for part in parts)))


def _state(row: dict[str, Any]) -> str:
    state = str(row["state"])
    if state == "held" and not row["blocked"]:
        state = "held, but let pass"
    return state if row["listed"] else f"{state}, not offered now"


def _show_diff(server: str, name: str, found: dict[str, Any] | None) -> None:
    name = _visible(name)
    if found is None:
        click.echo(f"{server} {name}: as approved.")
        return
    click.echo(f"{server} {name}: {_what(found)}")
    for change in found["changes"]:
        click.echo(f"  {_visible(change['pointer']) or '(the whole)'}")
        if change["kind"] != "added":
            click.echo(f"  - {_shown(change['before'])}")
        if change["kind"] != "removed":
            click.echo(f"  + {_shown(change['after'])}")
    if found["is_cut"]:
        click.echo("  … and more; --json of `tool show` has the whole definition")
    _show_warnings(found["warnings"])
    click.echo(f"  hash {found['hash']}")


def _what(found: dict[str, Any]) -> str:
    if found["renamed_from"]:
        return f"new; it was called {_visible(found['renamed_from'])} before"
    return "changed since it was approved" if found["approved_hash"] else "new, never approved"


def _show_warnings(flags: Iterable[dict[str, Any]]) -> None:
    for flag in flags:
        where = _visible(flag["pointer"]) or "the definition"
        said = f": {_visible(flag['text'])!r}" if flag["text"] else ""
        codes = f" ({', '.join(flag['characters'])})" if flag["characters"] else ""
        click.echo(f"  ! {where} hides {flag['kind']} characters{codes}{said}")


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    return _visible(json.dumps(value, ensure_ascii=False))


def _visible(text: str) -> str:
    """The text with everything that a terminal would obey or not show spelled out."""
    return "".join(char if char.isprintable() or char == "\n" else f"<U+{ord(char):04X}>" for char in text)
