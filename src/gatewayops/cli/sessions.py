"""`gatewayops session`: where people are signed in."""

import click

from gatewayops.cli.door import Door, reaches_api, segment
from gatewayops.cli.shown import as_json_option, moment, paging_options, show_page

_ROUTE = "/v1/auth/sessions"


@click.group()
def session() -> None:
    """Where people are signed in."""


@session.command("list")
@click.option("--user", metavar="EMAIL", help="Of this person only.")
@paging_options
@as_json_option
@reaches_api()
def list_(door: Door, user: str | None, limit: int, cursor: str | None, *, as_json: bool) -> None:
    """List the sessions; at the machine everybody's, with a session (--key gws_…) your own."""
    told = door.ask("GET", _ROUTE, user=user, limit=limit, cursor=cursor)
    show_page(
        told,
        ["id", "user", "organization", "how", "address", "program", "since", "used", "ends"],
        (
            (row["id"], row["email"], row["organization"], row["method"], row["address"], row["user_agent"],
             moment(row["created_at"]), moment(row["used_at"]), moment(row["ends_at"]))
            for row in told["sessions"]
        ),
        empty="Nobody is signed in.",
        as_json=as_json,
    )  # fmt: skip


@session.command("revoke")
@click.argument("session_id", metavar="SESSION")
@reaches_api()
def revoke(door: Door, session_id: str) -> None:
    """End a session, by its id: at once."""
    door.ask("DELETE", f"{_ROUTE}/{segment(session_id)}")
    click.echo(f"The session {session_id} is over.")
