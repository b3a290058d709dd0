"""`gatewayops server`: the MCP servers behind the gateway."""

from typing import Any
from urllib.parse import quote

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import (
    as_json_option,
    moment,
    paging_options,
    show_json,
    show_page,
    show_pairs,
)

_ROUTE = "/v1/servers"


@click.group()
def server() -> None:
    """MCP servers behind the gateway."""


def _limits(command: Any) -> Any:  # noqa: ANN401 - a click decorator
    for option in (
        click.option("--timeout", "timeout_s", type=float, metavar="S", help="Of a call [default: 30]."),
        click.option("--connect-timeout", "connect_timeout_s", type=float, metavar="S", help="[default: 5]"),
        click.option("--retries", type=int, help="After a failed connection [default: 2]."),
        click.option("--max-in-flight", type=int, metavar="N", help="Calls at once [default: 100]."),
        click.option(
            "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
            help="Sent to the server with every call; sealed at rest, never shown again.",
        ),
        click.option(
            "--allow-private-network/--no-private-network", "allow_private_network", default=None,
            help="The server may be at a private or loopback address.",
        ),
        click.option("--retry-base", "retry_base_ms", type=int, metavar="MS", help="First [default: 50]."),
        click.option("--retry-max", "retry_max_ms", type=int, metavar="MS", help="Longest [default: 2000]."),
        click.option(
            "--retry-budget", "retry_budget_percent", type=int, metavar="PERCENT",
            help="Retries, of the calls [default: 20].",
        ),
        click.option(
            "--breaker-failures", type=int, metavar="N",
            help="Failures within the window that open the breaker; 0: never [default: 5].",
        ),
        click.option(
            "--breaker-percent", type=int, metavar="PERCENT",
            help="And at least so many of the calls [default: 50].",
        ),
        click.option("--breaker-window", "breaker_window_s", type=float, metavar="S", help="[default: 10]"),
        click.option(
            "--breaker-open", "breaker_open_s", type=float, metavar="S",
            help="How long it refuses calls before it lets some try [default: 5].",
        ),
        click.option("--breaker-probes", type=int, metavar="N", help="Calls that try [default: 1]."),
        click.option(
            "--caller-share", "caller_share_percent", type=int, metavar="PERCENT",
            help="Of --max-in-flight, for one key [default: 90].",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def _callers_options(command: Any) -> Any:  # noqa: ANN401 - a click decorator
    for option in (
        click.option(
            "--auth", type=click.Choice(["none", "api_key", "platform_oauth"]),
            help="Who may call: anybody, our keys, or people who sign in besides [default: api_key].",
        ),
        click.option(
            "--scope", "oauth_scopes", multiple=True, metavar="SCOPE",
            help="What an access token must be for; once for each.",
        ),
        click.option(
            "--sign-up/--no-sign-up", "allows_sign_up", default=None,
            help="People may make themselves an account [default: no].",
        ),
        click.option(
            "--password/--no-password", "offers_password", default=None,
            help="People sign in with e-mail and password, or only at providers [default: yes].",
        ),
        click.option(
            "--verified-email/--unverified-email", "requires_verified_email", default=None,
            help="People with a password must have shown that the address is theirs [default: yes].",
        ),
        click.option("--slug", metavar="SLUG", help="Its name in addresses [default: NAME]."),
        click.option(
            "--origin", "allowed_origins", multiple=True, metavar="ORIGIN",
            help="Of web pages that may call, such as https://app.example.com; '*' for any; once for each.",
        ),
        click.option(
            "--upstream-auth", type=click.Choice(["none", "user_oauth"]),
            help="How the server knows who calls: not, or by an account of each user's own [default: none].",
        ),
        click.option(
            "--upstream-scope", "upstream_scopes", multiple=True, metavar="SCOPE",
            help="What such an account must be for; once for each [default: what the server asks].",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@server.command("add")
@click.argument("name")
@click.option("--url", "server_url", required=True, metavar="URL", help="Where the server speaks MCP.")
@_limits
@_callers_options
@as_json_option
@reaches_api(has_own_url=True)
def add(door: Door, /, name: str, server_url: str, *, as_json: bool, **limits: object) -> None:
    """Put the MCP server at URL behind the gateway, as /v1/mcp/NAME."""
    told = door.ask("POST", _ROUTE, {"name": name, "url": server_url} | _given(**limits))
    if as_json:
        show_json(told["server"])
    else:
        _show(told["server"])


@server.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the servers."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        ["name", "url", "timeout s", "retries", "max in flight", "breaker", "headers"],
        (
            (
                row["name"],
                row["url"],
                row["timeout_s"],
                row["retries"],
                row["max_in_flight"],
                row["health"]["state"],
                row["header_names"],
            )
            for row in told["servers"]
        ),
        empty="No servers yet: gatewayops server add NAME --url URL",
        as_json=as_json,
    )


@server.command("show")
@click.argument("name")
@as_json_option
@reaches_api()
def show(door: Door, name: str, *, as_json: bool) -> None:
    """Show a server, by name or id."""
    told = door.ask("GET", _path(name))
    if as_json:
        show_json(told["server"])
    else:
        _show(told["server"])


@server.command("set")
@click.argument("name")
@click.option("--name", "new_name", metavar="NAME", help="Another name.")
@click.option("--url", "server_url", metavar="URL", help="Another address.")
@_limits
@_callers_options
@as_json_option
@reaches_api(has_own_url=True)
def set_(
    door: Door, /, name: str, new_name: str | None, server_url: str | None, *, as_json: bool, **limits: object
) -> None:  # fmt: skip
    """Change what is given; --header replaces all headers of before."""
    changes = _given(name=new_name, url=server_url, **limits)
    if not changes:
        msg = "nothing to change: give an option, such as --timeout 60"
        raise WrongUsage(msg)
    told = door.ask("PATCH", _path(name), changes)
    if as_json:
        show_json(told["server"])
    else:
        _show(told["server"])


@server.command("remove")
@click.argument("name")
@reaches_api()
def remove(door: Door, name: str) -> None:
    """Take a server away; its traces stay."""
    door.ask("DELETE", _path(name))
    click.echo(f"{name} is removed.")


@server.command("test")
@click.argument("name")
@as_json_option
@reaches_api()
def test(door: Door, name: str, *, as_json: bool) -> None:
    """Speak with a server: protocol era, name, tools. Exit code 1 when it does not answer well."""
    told = door.ask("POST", f"{_path(name)}/test")
    if as_json:
        show_json(told)
        if not told["ok"]:
            click.get_current_context().exit(1)
        return
    if not told["ok"]:
        msg = f"{name} does not answer as an MCP server: {told['error']}"
        raise Refusal(msg)
    show_pairs(
        {
            "era": told["era"],
            "server": f"{told['server_name']} {told['server_version'] or ''}".strip(),
            "tools": told["tools"],
            "latency": f"{told['latency_ms']:.1f} ms",
        }
    )


def _given(**options: object) -> dict[str, Any]:
    changes: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    for name in ("oauth_scopes", "upstream_scopes", "allowed_origins"):
        if values := changes.pop(name, ()):
            changes[name] = list(values)
    if headers := changes.pop("headers", ()):
        changes["headers"] = dict(_header(text) for text in headers)
    return changes


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        msg = "--header takes 'Name: value'"  # the text may hold a secret
        raise WrongUsage(msg)
    return name.strip(), value.strip()


def _path(name: str) -> str:
    return f"{_ROUTE}/{quote(name, safe='')}"


def _show(row: dict[str, Any]) -> None:
    show_pairs(
        {
            "name": row["name"],
            "id": row["id"],
            "url": row["url"],
            "address": row["address"],
            "callers": _callers(row),
            "accounts": _accounts(row),
            "web pages": row["allowed_origins"],
            "timeout": f"{row['timeout_s']:g} s, to connect {row['connect_timeout_s']:g} s",
            "retries": f"{row['retries']}, after {row['retry_base_ms']} to {row['retry_max_ms']} ms,"
            f" {row['retry_budget_percent']}% of the calls",
            "max in flight": f"{row['max_in_flight']}, {row['caller_share_percent']}% for one key",
            "breaker": _breaker(row),
            "health": _health(row["health"]),
            "headers": row["header_names"],
            "private network": row["allow_private_network"],
            "changed": moment(row["updated_at"]),
        }
    )


def _callers(row: dict[str, Any]) -> str:
    if row["auth"] == "none":
        return "anybody, without a key"
    if row["auth"] == "api_key":
        return "keys of the organisation"
    needs = f" for {' '.join(row['oauth_scopes'])}" if row["oauth_scopes"] else ""
    sign_up = ", who may sign up" if row["allows_sign_up"] else ""
    sign_up += "" if row["requires_verified_email"] else " with any address"
    password = "" if row["offers_password"] else ", at providers only"
    return f"people who sign in{needs}{sign_up}{password}, and keys of the organisation"


def _accounts(row: dict[str, Any]) -> str:
    if row["upstream_auth"] == "none":
        return "none: it does not know whose calls they are"
    return f"each user's own, {' '.join(row['upstream_scopes']) or 'for what the server asks'}"


def _breaker(row: dict[str, Any]) -> str:
    if not row["breaker_failures"]:
        return "off"
    opens = f"opens at {row['breaker_failures']} failures in {row['breaker_window_s']:g} s"
    share = f"{row['breaker_percent']}% of the calls"
    return f"{opens} that are {share}, tries {row['breaker_probes']} after {row['breaker_open_s']:g} s"


def _health(health: dict[str, Any]) -> str:
    if health["state"] == "unknown":
        return "unknown: no gateway has told anything lately"
    said = f"breaker {health['state']}"
    if health["since"]:
        said += f" since {moment(health['since'])}, opened {health['openings']} times"
    if health["last_failure"]:
        said += f", last failure {health['last_failure']}"
    return said
