"""`gatewayops settings`: the reference, with every default, every current value and where it comes from."""

from typing import Any

import click

from gatewayops.cli.shown import as_json_option, show_json, show_table


@click.command()
@click.option("--data", metavar="DIR", help="The data directory whose gatewayops.toml counts.")
@as_json_option
def settings(data: str | None, *, as_json: bool) -> None:
    """Print every setting: its default, its value here, and where that comes from. Secrets are hidden."""
    from gatewayops.settings import reference

    rows = [
        {"name": row.name, "default": row.default, "value": row.value, "source": row.source}
        for row in reference({"data_dir": data} if data else None)
    ]
    if as_json:
        show_json(rows)
        return
    show_table(
        ["setting", "environment", "default", "value", "from"],
        ((row["name"], _variable(str(row["name"])), *map(_text, _last_three(row))) for row in rows),
        empty="",
    )


def _variable(name: str) -> str:
    return "GATEWAYOPS_" + name.upper().replace(".", "__")


def _last_three(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["default"], row["value"], row["source"]


def _text(value: Any) -> str:  # noqa: ANN401 - any setting
    return str(value) if not isinstance(value, list | tuple) else ", ".join(map(str, value))
