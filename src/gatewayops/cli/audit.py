"""`gatewayops audit`: the log of who did what; exports of it, and their proof without a server."""

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gatewayops.cli.door import Door, reaches_api
from gatewayops.cli.root import Refusal, WrongUsage
from gatewayops.cli.shown import (
    as_json_option,
    moment,
    paging_options,
    printable,
    show_json,
    show_page,
    show_pairs,
    show_table,
)

if TYPE_CHECKING:
    from gatewayops.record.audit.verify import Verdict

_ROUTE = "/v1/logs/audit"
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def audit() -> None:
    """Who did what, when and from where; and the proof that nothing of it was changed."""


@audit.command("list")
@click.option("--actor", metavar="ID|NAME", help="Who did it.")
@click.option("--action", metavar="ACTION", help="Such as key.created, or key.* for all of keys.")
@click.option("--target", metavar="ID|NAME", help="What it was done to.")
@click.option("--start", metavar="TIME", help="Since then: 2026-05-01 or 2026-05-01T10:00:00Z.")
@click.option("--end", metavar="TIME", help="Until then.")
@paging_options
@as_json_option
@reaches_api()
def list_(
    door: Door,
    /,
    limit: int,
    cursor: str | None,
    start: str | None,
    end: str | None,
    *,
    as_json: bool,
    **which: str | None,
) -> None:
    """List entries, newest first."""
    told = door.ask("GET", _ROUTE, limit=limit, cursor=cursor, start_time=start, end_time=end, **which)
    show_page(
        told,
        ["no.", "time", "action", "actor", "target", "reason", "from", "times"],
        (
            (
                row["seq"],
                moment(row["at"]),
                row["action"],
                _party(row["actor"]),
                _party(row["target"]),
                row["reason"],
                "(erased)" if row["client_address"] is None else row["client_address"],
                row["count"],
            )
            for row in told["entries"]
        ),
        empty="No entries like that.",
        as_json=as_json,
    )


@audit.command("export")
@click.argument("folder", type=_FOLDER)
@click.option("--csv", "is_csv", is_flag=True, help="With a table besides.")
@click.option("--start", metavar="TIME", default="", help="Since then.")
@click.option("--end", metavar="TIME", default="", help="Until then.")
@as_json_option
@reaches_api()
def export(door: Door, folder: Path, *, is_csv: bool, start: str, end: str, as_json: bool) -> None:
    """Write the audit log into FOLDER, which must be new or empty; `verify` proves it."""
    body = {"class": "audit", "format": "csv" if is_csv else "jsonl", "start_time": start, "end_time": end}
    _export(door, folder, body, as_json=as_json)


@audit.command("export-requests")
@click.argument("folder", type=_FOLDER)
@click.option("--csv", "is_csv", is_flag=True, help="As a table.")
@click.option("--start", metavar="TIME", default="", help="Since then; without it, the last 24 hours.")
@click.option("--end", metavar="TIME", default="", help="Until then.")
@as_json_option
@reaches_api(needs_telemetry=True)
def export_requests(door: Door, folder: Path, *, is_csv: bool, start: str, end: str, as_json: bool) -> None:
    """Write the requests that the gateway answered into FOLDER, which must be new or empty."""
    body = {"class": "requests", "format": "csv" if is_csv else "jsonl", "start_time": start, "end_time": end}
    _export(door, folder, body, as_json=as_json)


def _export(door: Door, folder: Path, body: dict[str, str], *, as_json: bool) -> None:
    if folder.exists() and any(folder.iterdir()):
        msg = f"{folder} is not empty"
        raise WrongUsage(msg)
    content = door.fetch("/v1/logs/export", body)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = sorted(Path(name).name for name in archive.namelist())
        for name in names:
            (folder / name).write_bytes(archive.read(name))
    if as_json:
        show_json({"folder": str(folder), "files": names})
    else:
        click.echo(f"{folder}: {', '.join(names)}")


@audit.command("verify")
@click.argument("folder", type=_FOLDER)
@click.option(
    "--anchor", type=click.Path(path_type=Path), help="The anchor's file, or a folder of its objects."
)
@click.option("--public-key", default="", metavar="HEX", help="The key that must have signed.")
@as_json_option
def verify(folder: Path, anchor: Path | None, public_key: str, *, as_json: bool) -> None:
    """Prove an export of the audit log; needs no server and no database. Exits with 1 when it is not proven.

    Without --anchor nobody can tell whether the end was cut off before the export; without --public-key or
    --anchor nobody can tell whether it is your installation's. `gatewayops audit anchor` shows the key.
    """
    from gatewayops.record.audit.verify import verify as prove

    verdict = prove(folder, anchor=anchor, public_key=public_key)
    if as_json:
        import msgspec

        show_json({**msgspec.structs.asdict(verdict), "proven": verdict.is_proven})
    else:
        _show_verdict(verdict, is_key_known=bool(public_key or anchor), is_anchored=anchor is not None)
    if not verdict.is_proven:
        raise SystemExit(1)


@audit.command("anchor")
@click.option("--now", "is_now", is_flag=True, help="Sign what the log holds now, and anchor it.")
@as_json_option
@reaches_api()
def anchor_(door: Door, *, is_now: bool, as_json: bool) -> None:
    """Show the newest signed checkpoints, whether they are anchored, and the public key."""
    told = door.ask("POST" if is_now else "GET", f"{_ROUTE}/checkpoints")
    if as_json:
        show_json(told)
        return
    show_pairs(
        {
            "log": told["log"],
            "public key": told["public_key"],
            "entries": told["entries"],
            "removed by retention": told["pruned_to"] or None,
            "anchors": told["anchors"] or "none is set (gatewayops settings: audit.anchor_…)",
        }
    )
    click.echo()
    show_table(
        ["entries", "signed", "root", "anchored"],
        (
            (row["size"], moment(row["at"]), row["root"][:16] + "…", _anchored(row["anchors"]))
            for row in told["checkpoints"]
        ),
        empty="No checkpoint yet; --now makes one.",
    )


@audit.command("erase")
@click.argument("subject")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json_option
@reaches_api()
def erase(door: Door, subject: str, *, yes: bool, as_json: bool) -> None:
    """Erase what the log keeps of a person: SUBJECT is an id, e-mail address, name or client address.

    Entries and proofs stay; names and addresses in them are gone for good.
    """
    if not yes and not click.confirm(f"Erase all names and addresses of {subject} from the audit log?"):
        msg = "nothing was erased"
        raise Refusal(msg)
    told = door.ask("POST", f"{_ROUTE}/erasures", {"subject": subject})
    if as_json:
        show_json(told)
    else:
        click.echo(f"{told['values']} values are erased.")


def _party(party: dict[str, Any]) -> str:
    name = "(erased)" if party["name"] is None else party["name"]
    parts = [party["kind"], party["id"], f"({name})" if name and name != party["id"] else ""]
    return " ".join(part for part in parts if part)


def _anchored(states: list[dict[str, Any]]) -> str:
    return ", ".join(
        state["anchor"] if state["anchored_at"] else f"not {state['anchor']}: {state['error'] or 'waiting'}"
        for state in states
    )


def _met(verdict: "Verdict") -> str:
    later = f" ({verdict.later} signed after the export)" if verdict.later else ""
    return f"{verdict.anchored} times{later}"


def _show_verdict(verdict: "Verdict", *, is_key_known: bool, is_anchored: bool) -> None:
    for fault in verdict.faults:
        click.echo(printable(fault), err=True)
    begins = {"start": "the first", "pruned": "after what retention removed", "range": "a part was exported"}
    show_pairs(
        {
            "log": verdict.log,
            "entries": f"{verdict.entries} ({verdict.first_seq} to {verdict.last_seq})",
            "begins": begins.get(verdict.begins, verdict.begins),
            "ends": "the newest at the time" if verdict.ends == "head" else "a part was exported",
            "checkpoints": verdict.checkpoints,
            "met the anchor": _met(verdict) if is_anchored else "not asked (--anchor)",
            "erased values": verdict.erased,
            "signed by": verdict.key + ("" if is_key_known else "  (is that yours? --public-key)"),
            "verdict": "proven" if verdict.is_proven else "NOT PROVEN",
        }
    )
