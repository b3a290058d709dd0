"""How results are shown: tables and lines for people, JSON for programs.

What servers and clients named themselves is printed without control characters, so that a name cannot
play tricks on the terminal.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

_PIPED_WIDTH = 250

Command = TypeVar("Command", bound=Callable[..., Any])


def as_json_option(command: Command) -> Command:
    """Adds --json, which the command gets as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="The API's object, for programs.")(command)


def paging_options(command: Command) -> Command:
    """Adds --limit and --cursor."""
    limit = click.option(
        "--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="Rows a page."
    )
    return limit(click.option("--cursor", help="Where the page before ended.")(command))


def show_json(told: Any) -> None:  # noqa: ANN401 - JSON
    """The value as JSON, indented."""
    click.echo(json.dumps(told, indent=2, ensure_ascii=False))


def show_table(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """A table; numbers are set to the right. `empty` is said when there are no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    found = list(rows)
    if not found:
        click.echo(empty)
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPED_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, heading in enumerate(headings):
        is_numeric = all(isinstance(row[number], int | float | Money) for row in found)
        table.add_column(heading, justify="right" if is_numeric else "left", overflow="fold")
    for row in found:
        table.add_row(*(Text(cell(value)) for value in row))
    console.print(table)


def show_pairs(pairs: Mapping[str, Any]) -> None:
    """One thing, a line a property."""
    width = max(len(name) for name in pairs)
    for name, value in pairs.items():
        click.echo(f"{name:<{width}}  {cell(value)}".rstrip())


def show_page(
    told: Mapping[str, Any],
    headings: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    empty: str,
    as_json: bool,
) -> None:
    """A page of a list: a table, and how to see the next one; or the API's object. Rows may be lazy."""
    if as_json:
        show_json(told)
        return
    show_table(headings, rows, empty=empty)
    show_next(told)


def show_next(page: Mapping[str, Any]) -> None:
    """Says how to see the next page, when there is one."""
    if page.get("has_more"):
        click.echo(f"There is more: add --cursor {page['cursor']}")


class Money(float):
    """Dollars."""


def cell(value: Any) -> str:  # noqa: ANN401 - JSON
    """A value in a table."""
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Money):
        return f"${float(value):,.6f}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, list | tuple):
        return ", ".join(printable(str(item)) for item in value)
    return printable(str(value))


def moment(text: str | None) -> str:
    """An API time as people read it, in UTC."""
    if not text:
        return "-"
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")


def printable(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
