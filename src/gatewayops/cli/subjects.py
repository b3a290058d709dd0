"""Whom a role or a policy is for, as people write it."""

import click

from gatewayops.cli.door import Door
from gatewayops.cli.keys import key_id
from gatewayops.cli.root import WrongUsage

_KINDS = ("organization", "team", "user", "key")
_WORDS = "organization | team NAME | user EMAIL | key NAME"

subject_argument = click.argument("words", nargs=-1, required=True, metavar="SUBJECT")


def subject_of(door: Door, words: tuple[str, ...]) -> dict[str, str]:
    """The body's fields for `team search`, `team:search`, `organization`, or an id alone.

    Keys are found by id, name or prefix. Raises WrongUsage, Refusal.
    """
    kind, _, ref = words[0].partition(":") if len(words) == 1 else (words[0], "", " ".join(words[1:]))
    if len(words) == 1 and not ref and kind not in _KINDS:
        kind, ref = _guessed(kind), kind
    if kind not in _KINDS or len(words) > 2 or bool(ref) == (kind == "organization"):
        msg = f"SUBJECT is {_WORDS}; or the id of a team, user or key"
        raise WrongUsage(msg)
    return {"subject_kind": kind, "subject": key_id(door, ref) if kind == "key" else ref}


def _guessed(ref: str) -> str:
    return "user" if "@" in ref else ref.partition("_")[0]


def shown(subject: dict[str, str]) -> str:
    """A subject of an answer, for people."""
    return f"{subject['kind']} {subject['name'] or subject['id']}"
