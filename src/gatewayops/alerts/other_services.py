"""The services that apprise speaks to and we don't: only those whose schemes the installation allows.

An apprise URL can reach anything: desktops, files by its options, hosts inside. So nothing is allowed
unless `alerts.apprise_schemes` names it, what runs on this machine is never, and while apprise reads a URL
and sends, its thread is fenced: each address that it connects to is checked as those of webhooks are.
Apprise takes 50 MB and seconds to load, so that happens when the first such channel is used.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from gatewayops.alerts.fence import fenced
from gatewayops.alerts.message import Message
from gatewayops.alerts.posting import SendFailed
from gatewayops.alerts.settings import AlertSettings
from gatewayops.base.errors import Forbidden, InvalidInput
from gatewayops.upstream.address import resolve

if TYPE_CHECKING:
    from apprise import NotifyBase

_SCHEME = re.compile(r"([a-z0-9]{1,20})://")
_HTTP_ERROR = re.compile(r"error=(\d{3})\b")
_AT_ONCE = 4  # threads, so that services that hang hold up no other work
_SETTING = "alerts.apprise_schemes (GATEWAYOPS_ALERTS__APPRISE_SCHEMES)"

Result = TypeVar("Result")


def scheme_of(url: str) -> str:
    """What comes before `://`, and may be shown. Raises InvalidInput, without the URL: it is a secret."""
    found = _SCHEME.match(url.lower())
    if found is None:
        msg = "secret: a URL of apprise, such as discord://WEBHOOK_ID/WEBHOOK_TOKEN"
        raise InvalidInput(msg)
    return found[1]


async def check(url: str, settings: AlertSettings) -> None:
    """Raises Forbidden for a scheme that is not allowed, InvalidInput for what apprise does not understand.

    And AddressRefused or AddressUnknown, of the host where the URL names one.
    """
    _check_allowed(scheme_of(url), settings)
    await _in_thread(_apprise)
    host, port = await _in_thread(lambda: _place(url, settings))
    if host:
        await resolve(host, port, allows_private=settings.allow_private_channels)


async def send(url: str, message: Message, settings: AlertSettings) -> str:
    """What can be told of the answer. Raises SendFailed, Forbidden, InvalidInput."""
    scheme = scheme_of(url)
    _check_allowed(scheme, settings)
    await _in_thread(_apprise)
    try:
        async with asyncio.timeout(settings.send_timeout_s):
            return await _in_thread(lambda: _notify(url, message, settings))
    except TimeoutError as error:
        msg = f"{scheme} did not answer within {settings.send_timeout_s:g} s"
        raise SendFailed(msg) from error


def _check_allowed(scheme: str, settings: AlertSettings) -> None:
    if scheme not in settings.apprise_schemes:
        allowed = ", ".join(settings.apprise_schemes) or "none"
        msg = f"secret: {scheme}:// is not among the schemes that {_SETTING} allows ({allowed})"
        raise Forbidden(msg)


async def _in_thread(act: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(_threads(), act)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="apprise")


@cache
def _apprise() -> Any:  # noqa: ANN401 - the package
    """Loaded, with all its services; what it logs stays here, for it may tell of URLs."""
    import apprise

    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.addHandler(_listening)
    apprise.Apprise.instantiate("json://localhost")  # finds the services, which reads the package's folder
    return apprise


def _place(url: str, settings: AlertSettings) -> tuple[str, int]:
    """The host that a URL names, and its port; empty where the service has its own."""
    with fenced(allows_private=settings.allow_private_channels):
        plugin = _plugin(url, settings)
    templates: tuple[str, ...] = plugin.templates
    names_host = any("{host}" in template for template in templates)
    return (str(plugin.host or "").strip("[]"), int(plugin.port or 443)) if names_host else ("", 0)


def _plugin(url: str, settings: AlertSettings) -> "NotifyBase":
    """Of a thread that is fenced. Redirects, retries and long waits of its own are switched off."""
    apprise = _apprise()
    asset = apprise.AppriseAsset(
        async_mode=False,
        storage_mode="memory",
        pgp_autogen=False,
        pem_autogen=False,
        allow_templates=False,
    )
    plugin: NotifyBase | None = apprise.Apprise.instantiate(url, asset=asset)
    if plugin is None:
        msg = "secret: apprise does not understand this URL, or a file that it names may not be read"
        raise InvalidInput(msg)
    plugin.redirects = False
    plugin.retry = 0
    plugin.socket_connect_timeout = plugin.socket_read_timeout = settings.send_timeout_s
    return plugin


def _notify(url: str, message: Message, settings: AlertSettings) -> str:
    apprise, scheme = _apprise(), scheme_of(url)
    kind = apprise.NotifyType.SUCCESS if message.resolved_at else _type(apprise, message.severity)
    text = f"{message.summary}\nsince {message.started_at}, {message.incident_id}"
    with fenced(allows_private=settings.allow_private_channels) as fence, _overheard() as heard:
        try:
            is_taken = _plugin(url, settings).notify(
                body=text, title=message.title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
            )
        except InvalidInput:
            raise
        except Exception as error:  # noqa: BLE001 - of 130 plugins, each with exceptions of its own
            msg = f"{scheme} failed: {type(error).__name__}"
            raise SendFailed(msg) from None  # its text may hold the URL
    if is_taken:
        return f"{scheme} took it"
    codes = _HTTP_ERROR.findall(" ".join(heard))
    why = fence.refused or (f"HTTP {codes[-1]}" if codes else "it did not say why")
    msg = f"{scheme} did not take it: {why}"
    raise SendFailed(msg)


def _type(apprise: Any, severity: str) -> Any:  # noqa: ANN401 - the package, and of it
    types = {"warning": apprise.NotifyType.WARNING, "critical": apprise.NotifyType.FAILURE}
    return types.get(severity, apprise.NotifyType.INFO)


class _Listening(logging.Handler):
    """Hands each thread what apprise logs in it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        lines = self.heard.get(threading.get_ident())
        if lines is not None:
            lines.append(record.getMessage())


_listening = _Listening()


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What apprise warns of in this thread meanwhile."""
    lines = _listening.heard[threading.get_ident()] = []
    try:
        yield lines
    finally:
        del _listening.heard[threading.get_ident()]
