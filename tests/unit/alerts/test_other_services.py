"""Channels through apprise: what they may reach, and what is told of what came of it."""

import asyncio
import json
import logging
import os
import socket
import subprocess
import threading
from pathlib import Path

import msgspec
import pytest

from gatewayops.alerts.channels import ChannelKind, Post, check_reach, destination_of
from gatewayops.alerts.fence import Fenced, fenced
from gatewayops.alerts.message import Message
from gatewayops.alerts.posting import SendFailed
from gatewayops.alerts.settings import AlertSettings
from gatewayops.base.errors import Forbidden, InvalidInput
from gatewayops.settings import SettingsWrong, load

_BLANK = dict.fromkeys(("organization", "rule_id", "kind", "server", "tool", "team"), "")
MESSAGE = Message(
    **_BLANK | {"incident_id": "incident_1", "state": "firing", "severity": "critical", "subject": "files"},
    rule="Calls of a server fail",
    summary="30% of 100 calls of <files> failed",
    value=30.0,
    threshold=20.0,
    started_at="2026-05-04T12:00:00Z",
)
# of apprise itself, on its way to Python 3.13
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
OPEN = AlertSettings(apprise_schemes=("json", "workflows", "fcm", "xml"), allow_private_channels=True)


class Receiver:
    """Answers each request with the next status, and keeps its body."""

    def __init__(self):
        self.bodies = []
        self.statuses = []
        self.more = ""
        self.port = 0

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split("\r\n")[0])
        self.bodies.append(await reader.readexactly(length))
        status = self.statuses.pop(0) if self.statuses else 200
        answer = f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n{self.more}\r\n"
        writer.write(answer.encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver():
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()


async def send(url, settings=OPEN, message=MESSAGE):
    destination = destination_of(ChannelKind.APPRISE, address="", secret=url)
    return await Post(settings).send(ChannelKind.APPRISE, destination, message, message_id="msg_1")


async def check(url, settings=OPEN):
    destination = destination_of(ChannelKind.APPRISE, address="", secret=url)
    await check_reach(ChannelKind.APPRISE, destination, settings)
    return destination


async def test_an_incident_is_told_through_apprise_and_so_is_its_end(receiver):
    url = f"json://ada:hunter2@127.0.0.1:{receiver.port}/hook"
    assert (await check(url)).address == "json"
    assert await send(url) == "json took it"
    over = msgspec.structs.replace(MESSAGE, resolved_at="2026-05-04T12:05:00Z")
    await send(url, message=over)
    begun, ended = map(json.loads, receiver.bodies)
    assert begun["title"] == "[CRITICAL] Calls of a server fail: files"
    assert "30% of 100 calls of <files> failed" in begun["message"]
    assert "incident_1" in begun["message"]
    assert (begun["type"], ended["type"]) == ("failure", "success")


async def test_a_service_that_does_not_take_it_is_tried_again_by_the_outbox_alone(receiver, caplog):
    receiver.statuses = [503]
    url = f"json://ada:hunter2@127.0.0.1:{receiver.port}/?retry=3&wait=0"
    with caplog.at_level(logging.DEBUG), pytest.raises(SendFailed, match="json did not take it: HTTP 503"):
        await send(url)
    assert len(receiver.bodies) == 1
    assert "hunter2" not in caplog.text


async def test_a_service_that_does_not_answer_is_given_up(receiver):
    hangs = asyncio.Event()

    async def hang(reader, writer):
        await hangs.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await check(f"json://127.0.0.1:{port}")
    settings = msgspec.structs.replace(OPEN, send_timeout_s=0.3)
    with pytest.raises(SendFailed, match=r"did not (answer|take it)"):
        await send(f"json://127.0.0.1:{port}/?rto=600", settings)
    hangs.set()
    server.close()


@pytest.mark.parametrize("scheme", ["json", "discord", "dbus", "mailto"])
async def test_no_service_is_allowed_that_the_installation_does_not_name(scheme):
    none = AlertSettings()
    with pytest.raises(Forbidden, match=r"alerts\.apprise_schemes"):
        await check(f"{scheme}://127.0.0.1/very-secret", none)
    with pytest.raises(Forbidden) as refused:
        await send(f"{scheme}://127.0.0.1/very-secret", none)
    assert "very-secret" not in refused.value.detail


@pytest.mark.parametrize("scheme", ["dbus", "syslog", "macosx", "windows", "gnome"])
def test_what_works_on_this_machine_cannot_be_allowed(scheme):
    with pytest.raises(ValueError, match=scheme):
        AlertSettings(apprise_schemes=("json", scheme))


def test_schemes_are_given_in_the_environment_with_commas_between(tmp_path):
    given = {"GATEWAYOPS_DATA_DIR": str(tmp_path), "GATEWAYOPS_ALERTS__APPRISE_SCHEMES": "discord, tgram"}
    assert load(environ=given).alerts.apprise_schemes == ("discord", "tgram")
    with pytest.raises(SettingsWrong, match="apprise_schemes: dbus would work on this machine"):
        load(environ=given | {"GATEWAYOPS_ALERTS__APPRISE_SCHEMES": "json,dbus"})


@pytest.mark.parametrize("url", ["", "very-secret", "https//very-secret", "json://", "json://very secret"])
async def test_what_apprise_does_not_understand_is_refused_without_showing_it(url):
    with pytest.raises((InvalidInput, Forbidden), match=r"^secret: ") as refused:
        await check(url)
    assert "very-secret" not in refused.value.detail


async def test_private_addresses_are_refused_at_once_and_when_sending(receiver):
    settings = msgspec.structs.replace(OPEN, allow_private_channels=False)
    url = f"json://127.0.0.1:{receiver.port}"
    with pytest.raises(InvalidInput, match=r"secret: 127\.0\.0\.1 is loopback"):
        await check(url, settings)
    with pytest.raises(SendFailed, match=r"127\.0\.0\.1 is loopback"):
        await send(url, settings)
    with pytest.raises(SendFailed, match=r"is loopback"):
        await send(f"json://localhost:{receiver.port}", settings)
    assert receiver.bodies == []


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "[::ffff:169.254.169.254]"])
async def test_addresses_of_the_cloud_are_refused_where_private_ones_are_allowed(address):
    with pytest.raises(InvalidInput, match="does not connect there"):
        await check(f"json://{address}/latest")
    with pytest.raises(SendFailed, match="does not connect there"):
        await send(f"json://{address}/latest")


async def test_redirects_are_not_followed(receiver):
    receiver.statuses, receiver.more = [307], f"location: http://127.0.0.1:{receiver.port}/inside\r\n"
    with pytest.raises(SendFailed, match="HTTP 307"):
        await send(f"json://127.0.0.1:{receiver.port}/?redirect=yes")
    assert len(receiver.bodies) == 1


async def test_a_url_that_names_a_file_of_this_machine_reads_none(tmp_path):
    secret = tmp_path / "key.json"
    secret.write_text('{"title": "very-secret", "private_key": "very-secret"}')
    url = f"fcm://project/token/?mode=oauth2&keyfile={secret}"
    with pytest.raises(SendFailed, match="it may not read files") as refused:
        await send(url)
    assert "very-secret" not in refused.value.detail


def test_a_fenced_thread_connects_to_checked_addresses_runs_nothing_and_touches_no_file(tmp_path):
    done = {}

    def forbidden(name, act):
        with pytest.raises(Fenced) as refused:
            act()
        done[name] = str(refused.value)

    def work():
        with fenced(allows_private=False) as fence:
            forbidden("connect", lambda: socket.create_connection(("127.0.0.1", 9), 1))
            with socket.socket(type=socket.SOCK_DGRAM) as datagram, socket.socket(socket.AF_UNIX) as unix:
                forbidden("send", lambda: datagram.sendto(b"x", ("10.0.0.1", 9)))
                forbidden("unix", lambda: unix.connect("/run/x"))
            forbidden("run", lambda: subprocess.run(["true"], check=False))
            forbidden("system", lambda: os.system("true"))
            forbidden("read", lambda: Path("/etc/passwd").read_text())
            forbidden("write", lambda: (tmp_path / "new").write_text("x"))
            forbidden("remove", lambda: (tmp_path / "old").unlink())
            import colorsys  # noqa: F401 - a module that is loaded late
        done["first"] = fence.refused

    (tmp_path / "old").touch()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert set(done) == {"connect", "send", "unix", "run", "system", "read", "write", "remove", "first"}
    assert done["first"] == done["connect"]
    assert "loopback" in done["connect"]
    assert Path("/etc/passwd").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "old"]
    assert subprocess.run(["true"], check=False).returncode == 0  # other threads are free
