"""`gatewayops limit`: how often keys, users, teams, servers' callers and the organisation may call."""

from typing import Any
from urllib.parse import quote

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.keys import key_id
from gatewayops.cli.root import WrongUsage
from gatewayops.cli.shown import (
    as_json_option,
    paging_options,
    show_json,
    show_page,
    show_pairs,
    show_table,
)
from gatewayops.policy.limits.rate import rate_of, window_name

_ROUTE = "/v1/limits"
_SCOPES = {"key": "api_key", "user": "user", "team": "team", "server": "server", "global": "global"}
_SHOWN = {scope: word for word, scope in _SCOPES.items()}

_scope = click.argument("scope", type=click.Choice(list(_SCOPES)), metavar="key|user|team|server|global")


@click.group()
def limit() -> None:
    """How often keys, users, teams and servers may be called."""


@limit.command("set")
@_scope
@click.argument("words", nargs=-1, required=True, metavar="[SUBJECT] RATE")
@click.option(
    "--burst", type=click.IntRange(0), default=0, metavar="N", help="So many calls may come on top at times."
)
@as_json_option
@reaches_api()
def set_(door: Door, /, scope: str, words: tuple[str, ...], *, burst: int, as_json: bool) -> None:
    """Set how often a subject may call; it counts within a second, everywhere.

    SUBJECT is a key's id, name or prefix, a user's id or e-mail address, a team's or server's id or name, or
    '*' for each of them; global has none. RATE is 5/s, 100/m or 5000/h, or none for no limit.
    """
    *subjects, rate_text = words
    rate = rate_of(rate_text)
    body = {
        "scope": _SCOPES[scope],
        "subject": _subject(door, scope, subjects),
        "limit": rate.calls,
        "window": window_name(rate.window_s),
        "burst": burst,
    }
    told = door.ask("PUT", _ROUTE, body)["limit"]
    if as_json:
        show_json(told)
    else:
        show_pairs(
            {
                "id": told["id"],
                "for": f"{scope} {_named(told)}".strip(),
                "limit": _rate(told),
                "burst": told["burst"],
            }
        )


@limit.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the limits that were set; defaults are settings (`gatewayops settings`)."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "scope", "subject", "name", "limit", "burst"],
        (
            (
                row["id"],
                _SHOWN[row["scope"]],
                row["subject"],
                row["subject_name"],
                _rate(row),
                row["burst"],
            )
            for row in told["limits"]
        ),
        empty="No limits were set: the defaults count (gatewayops settings).",
        as_json=as_json,
    )


@limit.command("show")
@click.argument("key", metavar="KEY")
@click.option("--server", metavar="NAME", help="Also what counts for calls of this server.")
@as_json_option
@reaches_api()
def show(door: Door, key: str, server: str | None, *, as_json: bool) -> None:
    """Show all that a key's calls count against, defaults too; KEY is an id, a name or a prefix."""
    told = door.ask("GET", f"{_ROUTE}/effective", key=key_id(door, key), server=server)
    if as_json:
        show_json(told)
        return
    show_table(
        ["scope", "subject", "limit", "burst", "from"],
        (
            (_SHOWN[row["scope"]], row["subject"], _rate(row), row["burst"], row["source"])
            for row in told["limits"]
        ),
        empty="No limit holds for this key.",
    )


@limit.command("remove")
@click.argument("words", nargs=-1, required=True, metavar="ID | SCOPE [SUBJECT]")
@reaches_api()
def remove(door: Door, words: tuple[str, ...]) -> None:
    """Take a limit away, by its id, or by scope and subject; the default counts from then on."""
    if words[0] in _SCOPES:
        subject = _subject(door, words[0], list(words[1:]))
        door.ask("DELETE", _ROUTE, scope=_SCOPES[words[0]], subject=subject)
    elif len(words) == 1:
        door.ask("DELETE", f"{_ROUTE}/{quote(words[0], safe='')}")
    else:
        msg = f"a scope is one of {', '.join(_SCOPES)}"
        raise WrongUsage(msg)
    click.echo("The limit is removed.")


def _subject(door: Door, scope: str, words: list[str]) -> str:
    if len(words) == (0 if scope == "global" else 1):
        subject = words[0] if words else ""
        return key_id(door, subject) if scope == "key" and subject != "*" else subject
    msg = (
        "global has no subject" if scope == "global" else f"name one {scope}: its id or name, or '*' for each"
    )
    raise WrongUsage(msg)


def _named(row: dict[str, Any]) -> str:
    subject, name = row["subject"] or "", row["subject_name"]
    return f"{subject} ({name})" if name else subject


def _rate(row: dict[str, Any]) -> str:
    return f"{row['limit']}/{row['window'].removeprefix('1')}" if row["limit"] else "none"
