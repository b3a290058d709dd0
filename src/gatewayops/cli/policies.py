"""`gatewayops policy`: what is allowed or denied besides roles, and why something is."""

from typing import Any

import click

from gatewayops.cli.door import Door, reaches_api, segment
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
from gatewayops.cli.subjects import shown, subject_argument, subject_of

_ROUTE = "/v1/policies"

_server = click.option("--server", metavar="NAME", help="Of this server; * stands for any text.")
_tool = click.option("--tool", metavar="NAME", help="This tool; * stands for any text.")
_resource = click.option("--resource", metavar="URI", help="This resource.")
_prompt = click.option("--prompt", metavar="NAME", help="This prompt.")
_action = click.option(
    "--action", metavar="ACTION", help="An MCP action such as tools.call, or without --server one of the API."
)
_description = click.option("--description", metavar="TEXT", default="", help="Why.")
_FAMILIES = {"tool": "tools.*", "resource": "resources.*", "prompt": "prompts.*"}


@click.group()
def policy() -> None:
    """What is allowed or denied besides roles, and why."""


@policy.command("list")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the policies."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "effect", "for", "server", "action", "name", "description"],
        (
            (row["id"], row["effect"], shown(row["subject"]), row["server"] or "the API", row["action"],
             row["named"], row["description"])
            for row in told["policies"]
        ),
        empty="No policies: roles and the scopes of keys decide.",
        as_json=as_json,
    )  # fmt: skip


def _rule_options(command: Any) -> Any:  # noqa: ANN401 - click's decorators
    options = (_server, _tool, _resource, _prompt, _action, _description, as_json_option, reaches_api())
    for option in reversed(options):
        command = option(command)
    return subject_argument(command)


@policy.command("allow")
@_rule_options
def allow(door: Door, words: tuple[str, ...], *, as_json: bool, **rule: str | None) -> None:
    """Allow SUBJECT, and all who inherit from it, something that their roles do not.

    SUBJECT is: organization, team NAME, user EMAIL, key NAME, or the id of a team, user or key.
    """
    _add(door, "allow", words, rule, as_json=as_json)


@policy.command("deny")
@_rule_options
def deny(door: Door, words: tuple[str, ...], *, as_json: bool, **rule: str | None) -> None:
    """Deny SUBJECT, and all who inherit from it, something: it wins over any allow.

    SUBJECT is: organization, team NAME, user EMAIL, key NAME, or the id of a team, user or key.
    """
    _add(door, "deny", words, rule, as_json=as_json)


@policy.command("remove")
@click.argument("policy_id", metavar="ID")
@reaches_api()
def remove(door: Door, policy_id: str) -> None:
    """Remove a policy."""
    door.ask("DELETE", f"{_ROUTE}/{segment(policy_id)}")
    click.echo("The policy is removed.")


@policy.command("explain")
@click.argument("principal", required=False, metavar="[KEY|USER]")
@_server
@_tool
@_resource
@_prompt
@_action
@click.option("--trace", "trace_id", metavar="ID", help="A recorded call instead.")
@click.option("--span", "span_id", metavar="ID", help="Which call of that trace.")
@as_json_option
@reaches_api(telemetry_for="trace_id")
def explain(door: Door, /, principal: str | None, *, as_json: bool, **asked: str | None) -> None:
    """Say why a key (id, name or prefix) or a user may or may not do something, by the rules as they are."""
    if bool(principal) == bool(asked["trace_id"]):
        msg = "give a key or user with --server and --tool, or a recorded call by --trace"
        raise WrongUsage(msg)
    if principal and "@" not in principal and not principal.startswith("user_"):
        principal = key_id(door, principal)
    told = door.ask("GET", f"{_ROUTE}/explain", principal=principal, **asked)["explanation"]
    if as_json:
        show_json(told)
    else:
        _show(told)


def _add(
    door: Door, effect: str, words: tuple[str, ...], rule: dict[str, str | None], *, as_json: bool
) -> None:
    named = [(what, rule[what]) for what in _FAMILIES if rule[what]]
    if len(named) > 1:
        msg = "--tool, --resource, --prompt: one of them"
        raise WrongUsage(msg)
    if not rule["server"] and (named or not rule["action"]):
        msg = "say on which --server ('*' for all); or, for the API, give --action alone"
        raise WrongUsage(msg)
    what, name = named[0] if named else ("", "*")
    body = {
        **subject_of(door, words),
        "effect": effect,
        "server": rule["server"] or "",
        "action": rule["action"] or _FAMILIES.get(what, "*"),
        "named": name,
        "description": rule["description"],
    }
    told = door.ask("POST", _ROUTE, body)["policy"]
    if as_json:
        show_json(told)
        return
    click.echo(f"{shown(told['subject'])}: {effect} {_spoken(told)} ({told['id']})")


def _show(told: dict[str, Any]) -> None:
    question = told["question"]
    where = f"on {question['server']}" if question["server"] else "in the API"
    show_pairs(
        {
            "verdict": "allowed" if told["allowed"] else "denied",
            "question": " ".join(filter(None, (question["action"] or "connect", question["named"], where))),
            "decided by": _decider(told),
            "why": told["message"],
            "scopes": "allow" if told["scopes"]["allowed"] else told["scopes"]["message"],
            "roles": _roles_verdict(told),
        }
    )
    if told["recorded"]:
        recorded = told["recorded"]
        click.echo(f"recorded as {recorded['status']} {recorded['reason'] or ''}".rstrip())
    show_table(
        ["effect", "rule", "by", "inherited from"],
        (
            (row["effect"], _spoken(row), _source(row), shown(row["inherited_from"]))
            for row in told["matching"]
        ),
        empty="No rule of a role or policy speaks of it.",
    )
    chain = (f"{shown(link)}{_held(link['roles'])}" for link in told["chain"])
    click.echo("inherits from: " + ", ".join(chain))


def _decider(told: dict[str, Any]) -> str:
    rule = told["rule"]
    if rule is None:
        return "the key's scopes" if told["decided_by"] == "scopes" else "no rule grants it"
    return f"{_source(rule)} of {shown(rule['inherited_from'])}: {rule['effect']} {_spoken(rule)}"


def _source(rule: dict[str, Any]) -> str:
    return f"role {rule['role']}" if rule["role"] else f"policy {rule['policy_id']}"


def _roles_verdict(told: dict[str, Any]) -> str:
    if told["roles"]["allowed"]:
        return "allow" if told["is_governed_by_roles"] else "none bound: scopes alone govern"
    return str(told["roles"]["message"])


def _held(roles: list[str]) -> str:
    return f" [{', '.join(roles)}]" if roles else ""


def _spoken(rule: dict[str, str]) -> str:
    if not rule["server"]:
        return f"{rule['action']} in the API"
    return f"{rule['action']} {rule['named']} on {rule['server']}"
