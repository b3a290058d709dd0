"""Commands that run something: everything (`up`), or one role by itself."""

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gatewayops.app import roles
from gatewayops.app.layout import STORE_PORT
from gatewayops.app.lifeline import watch_lifeline
from gatewayops.base.errors import InvalidInput
from gatewayops.settings import Settings, load

_data = click.option("--data", metavar="DIR", help="The data directory [default: ./.gatewayops].")
_host = click.option("--host", help="The address to listen on [default: 127.0.0.1].")
_port = click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on [default: 8080].")
_redis = click.option("--redis", metavar="URL", help="Redis or Valkey, which several workers share.")
_workers = click.option("--workers", type=click.IntRange(1, 64), help="Gateway processes [default: 1].")


def _lifeline(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--lifeline", "has_lifeline", is_flag=True, hidden=True, help="End when standard input closes."
    )(command)


def _settings(data: str | None, redis: str | None = None, **gateway: str | int | None) -> Settings:
    changes: dict[str, Any] = {
        "gateway": {name: value for name, value in gateway.items() if value is not None}
    }
    if data:
        changes["data_dir"] = data
    if redis:
        changes["redis_url"] = redis
    return load(changes)


@click.command()
@_data
@_host
@_port
@_workers
@_redis
@click.option("--demo", "has_demo", is_flag=True, help="With a demo MCP server and an API key for it.")
@click.option("--reload", "reloads", is_flag=True, help="Restart the roles when the source changes.")
def up(*, has_demo: bool, reloads: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Run gateway, control and store on this machine, until Ctrl-C."""
    import asyncio

    from gatewayops.app import banner, demo_key, first_link_file
    from gatewayops.app.child import ChildRefused
    from gatewayops.app.logs import log_to_stderr
    from gatewayops.app.supervisor import Supervisor

    log_to_stderr()
    settings = _settings(**options)

    def announce(supervisor: Supervisor) -> None:
        key = demo_key.read(supervisor.data) if has_demo else None
        link = first_link_file.read(supervisor.data)
        click.echo(banner.ready_text(supervisor, key, program=_program(), first_link=link))

    supervisor = Supervisor(
        settings,
        has_demo=has_demo,
        reloads=reloads,
        say=lambda line: click.echo(line, err=True),
        on_ready=announce,
    )
    try:
        asyncio.run(supervisor.run())
    except ChildRefused as error:
        raise InvalidInput(str(error)) from error


def _program() -> str:
    """How the shell at hand finds this program: by its name when it is on the path."""
    found = shutil.which("gatewayops")
    started = Path(sys.argv[0])
    if started.name != "gatewayops":
        return f"{shlex.quote(sys.executable)} -m gatewayops"
    is_on_path = found is not None and Path(found).absolute() == started.absolute()
    return "gatewayops" if is_on_path else shlex.quote(str(started))


@click.command()
@_data
@_host
@_port
@_workers
@_redis
@_lifeline
@click.option("--worker", type=int, default=0, hidden=True, help="Which of several workers it is.")
def gateway(*, has_lifeline: bool, worker: int, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Run the data plane: it takes MCP calls and serves from its rules even while control is away."""
    if has_lifeline:
        watch_lifeline()
    roles.run_gateway(_settings(**options), worker=worker)


@click.command()
@_data
@click.option("--host", help="The address to listen on [default: 127.0.0.1].")
@click.option("--port", type=click.IntRange(1, 65535), help="The port to listen on [default: 8081].")
@click.option(
    "--store-address", default=f"127.0.0.1:{STORE_PORT}", show_default=True,
    help="Where the embedded store listens (unused when telemetry.url is set).",
)  # fmt: skip
@click.option("--demo-url", default="", hidden=True, help="Register the demo server at this address.")
@click.option("--first-link", "has_first_link", is_flag=True, hidden=True, help="For `up`, which prints it.")
@_lifeline
def control(*, data: str | None, store_address: str, has_lifeline: bool, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Run the API and the recorder, which stores what gateways spooled."""
    if has_lifeline:
        watch_lifeline()
    listen = {name: options.pop(name) for name in ("host", "port")}
    changes: dict[str, Any] = {
        "control": {name: value for name, value in listen.items() if value is not None}
    }
    if data:
        changes["data_dir"] = data
    roles.run_control(load(changes), store_address=store_address, **options)


@click.command()
@_data
@click.option("--port", type=click.IntRange(1, 65535), default=STORE_PORT, show_default=True)
@click.option("--temporary", "is_temporary", is_flag=True, hidden=True, help="For one CLI command.")
@_lifeline
def store(*, data: str | None, port: int, is_temporary: bool, has_lifeline: bool) -> None:
    """Run the embedded telemetry store, on loopback."""
    if has_lifeline:
        watch_lifeline()
    roles.run_store(_settings(data), port=port, is_temporary=is_temporary)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), required=True)
@click.option("--files", type=click.Path(file_okay=False, path_type=Path), required=True)
@_lifeline
def demo_server(*, port: int, files: Path, has_lifeline: bool) -> None:
    """Run the demo MCP server at http://127.0.0.1:PORT/mcp."""
    if has_lifeline:
        watch_lifeline()
    from gatewayops.app.logs import log_to_stderr
    from gatewayops.hosting.demo_server import run

    log_to_stderr()
    run(port=port, files=files)
