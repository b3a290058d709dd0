"""The API as a command sees it: over HTTP with --url and --key, or of a data directory with --data.

All speak the same routes, so a command is a twin of REST by construction. On a data directory the person
at the machine is its administrator: by the socket of the control role that runs there, else in this process.
"""

import asyncio
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

import click
from click.core import ParameterSource

from gatewayops.cli.root import Refusal, WrongUsage

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from gatewayops.settings import Settings

_TIMEOUT_S = 120.0
_UNAUTHORIZED = 401

Options = ParamSpec("Options")
Result = TypeVar("Result")
Send = Callable[[str, str, Mapping[str, Any], Any], "httpx.Response"]


class Door:
    """Asks the API, and turns its refusals into ours."""

    def __init__(self, send: Send) -> None:
        """`send` takes method, path, query parameters and body."""
        self._send = send

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """The answer's JSON object; None in the query is left out. Raises Refusal, WrongUsage."""
        try:
            json.dumps(body, allow_nan=False)
        except ValueError as error:
            msg = "a number must be finite: neither nan nor inf"
            raise WrongUsage(msg) from error
        given = {name: value for name, value in query.items() if value is not None}
        answer = self._send(method, path, given, body)
        if answer.is_success and not answer.content:
            return {}
        return self._told(answer)

    def fetch(self, path: str, body: Any) -> bytes:  # noqa: ANN401 - JSON
        """The content of a file that a POST answers. Raises Refusal."""
        answer = self._send("POST", path, {}, body)
        if not answer.is_success:
            self._told(answer)
        return answer.content

    def download(self, path: str, **query: Any) -> bytes:  # noqa: ANN401 - query values
        """The content of a file that a GET answers; None in the query is left out. Raises Refusal."""
        answer = self._send(
            "GET", path, {name: value for name, value in query.items() if value is not None}, None
        )
        if not answer.is_success:
            self._told(answer)
        return answer.content

    def _told(self, answer: "httpx.Response") -> dict[str, Any]:
        try:
            told: dict[str, Any] = answer.json()
        except ValueError as error:
            msg = f"the answer ({answer.status_code}) is not from GatewayOps; check --url"
            raise Refusal(msg) from error
        if answer.is_success:
            return told
        message = told.get("message") or f"the API answered {answer.status_code}"
        if answer.status_code == _UNAUTHORIZED:
            message += " (give --key, or set GATEWAYOPS_KEY)"
        raise Refusal(message)

    def each(self, path: str, noun: str, **query: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - query values
        """All rows of a paged list."""
        cursor = None
        while True:
            page = self.ask("GET", path, limit=200, cursor=cursor, **query)
            yield from page[noun]
            cursor = page.get("cursor")
            if not page.get("has_more"):
                return


def segment(text: str) -> str:
    """What somebody typed, as one segment of a path. Raises WrongUsage for what cannot be one."""
    if not text or "/" in text or text in (".", ".."):
        msg = f"'{text}' is neither a name nor an id"
        raise WrongUsage(msg)
    return quote(text, safe="")


def reaches_api(
    *, needs_telemetry: bool = False, telemetry_for: str = "", has_own_url: bool = False
) -> Callable[[Callable[Concatenate[Door, Options], Result]], Callable[Options, Result]]:
    """Adds --data, --url and --key to a command, and gives it the Door as its first argument.

    --gateway is the same as --url; commands that have a --url of their own have only --gateway. An option
    named as `telemetry_for` makes the command need the telemetry store when it is given.
    """
    names = ("--gateway",) if has_own_url else ("--url", "--gateway")

    def decorate(function: Callable[Concatenate[Door, Options], Result]) -> Callable[Options, Result]:
        @click.option("--data", metavar="DIR", help="A data directory of this machine.")
        @click.option(
            *names, "address", metavar="URL", envvar="GATEWAYOPS_URL", help="An installation elsewhere."
        )
        @click.option(
            "--key", "bearer", metavar="KEY", envvar="GATEWAYOPS_KEY", help="The API key to use there."
        )
        @functools.wraps(function)
        def command(*arguments: Any, data: Any, address: Any, bearer: Any, **options: Any) -> Result:  # noqa: ANN401
            is_needed = needs_telemetry or bool(options.get(telemetry_for))
            with _open(data, address, bearer, needs_telemetry=is_needed) as door:
                return function(door, *arguments, **options)

        return command  # type: ignore[return-value]  # click adds the three options, no caller sees them

    return decorate


@contextmanager
def _open(data: str | None, url: str | None, api_key: str | None, *, needs_telemetry: bool) -> Iterator[Door]:
    if data and url:
        if _is_typed("address"):
            msg = "give --data or an installation's URL, not both"
            raise WrongUsage(msg)
        url = None
    if url:
        with _remote(url, api_key) as send:
            yield Door(send)
    else:
        with _local(data, needs_telemetry=needs_telemetry) as send:
            yield Door(send)


def _is_typed(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is ParameterSource.COMMANDLINE


@contextmanager
def _remote(url: str, api_key: str | None) -> Iterator[Send]:
    import httpx

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S)
    except (httpx.InvalidURL, ValueError) as error:
        msg = f"--url {url} is not a URL, and --key is plain ASCII"
        raise WrongUsage(msg) from error
    with client:
        yield _sender(client, f"{url} does not answer ({{}}); is GatewayOps running there?")


def _sender(client: "httpx.Client", complaint: str) -> Send:
    import httpx

    def send(method: str, path: str, query: Mapping[str, Any], body: Any) -> httpx.Response:  # noqa: ANN401 - JSON
        try:
            return client.request(method, path, params=query, json=body)
        except (httpx.TransportError, httpx.UnsupportedProtocol) as error:
            raise Refusal(complaint.format(type(error).__name__)) from error

    return send


@contextmanager
def _local(data: str | None, *, needs_telemetry: bool) -> Iterator[Send]:
    from gatewayops.app.layout import DataDirectory, is_listened_at
    from gatewayops.settings import load

    settings = load({"data_dir": data} if data else None)
    path = DataDirectory(settings.data).control_socket
    if path.is_socket() and is_listened_at(path):
        with _running(path) as send:
            yield send
    else:
        with _in_process(settings, needs_telemetry=needs_telemetry) as send:
            yield send


@contextmanager
def _running(path: "Path") -> Iterator[Send]:
    import httpx

    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(base_url="http://control", transport=transport, timeout=_TIMEOUT_S) as client:
        yield _sender(client, "the control role that runs here does not answer ({}); try again")


@contextmanager
def _in_process(settings: "Settings", *, needs_telemetry: bool) -> Iterator[Send]:
    from gatewayops.app.quick_start import loading

    with loading():
        from gatewayops.app.parts import administrator, open_parts
        from gatewayops.app.stores import open_telemetry
        from gatewayops.cli.local_store import drain, store_for

    with (
        store_for(settings, is_needed=needs_telemetry) as store,
        asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
    ):
        stack = AsyncExitStack()
        try:
            opening = open_telemetry(settings, store_address=store.address)
            telemetry = runner.run(stack.enter_async_context(opening))
            if store.is_temporary:
                runner.run(drain(settings, telemetry))
            parts = runner.run(stack.enter_async_context(open_parts(settings, telemetry)))
            client = runner.run(stack.enter_async_context(administrator(parts)))

            def send(
                method: str,
                path: str,
                query: Mapping[str, Any],
                body: Any,  # noqa: ANN401 - JSON
            ) -> "httpx.Response":
                return runner.run(client.request(method, path, params=query, json=body))

            yield send
        finally:
            runner.run(stack.aclose())
