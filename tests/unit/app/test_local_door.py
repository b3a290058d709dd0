"""The administrator's socket: one role has it, its owner alone may open it, no words count there."""

import socket
import stat

import httpx
import pytest
from fastapi import FastAPI, Request

from gatewayops.api.parts import ControlParts
from gatewayops.app.local_door import as_administrator, listening, with_local_administrator


@pytest.fixture
def parts():
    unused = dict.fromkeys(("database", "telemetry", "sealer", "credentials", "settings", "upstream"))
    return ControlParts(**unused, internal_token="")


async def test_whoever_comes_through_it_is_the_administrator_whatever_they_show(parts):
    app = FastAPI()

    @app.get("/")
    async def shown(request: Request):
        return request.headers.getlist("authorization")

    known = with_local_administrator(parts)
    transport = httpx.ASGITransport(as_administrator(app, known))
    async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
        answer = await client.get("/", headers={"Authorization": "Bearer gwo_dev_somebody"})

    assert answer.json() == [f"Bearer {known.local_admin_token}"]
    assert len(known.local_admin_token) == 64
    assert with_local_administrator(parts).local_admin_token != known.local_admin_token


def test_only_its_owner_may_open_it_and_it_goes_with_the_role(tmp_path):
    path = tmp_path / "control.sock"
    with listening(path) as listener:
        assert listener is not None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_a_second_role_leaves_it_to_the_first(tmp_path):
    path = tmp_path / "control.sock"
    with listening(path) as first:
        first.listen()
        with listening(path) as second:
            assert second is None
        assert path.is_socket()


def test_what_a_killed_role_left_is_replaced(tmp_path):
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with listening(path) as listener:
        assert listener is not None


def test_where_no_socket_can_be_commands_do_without(tmp_path):
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with listening(folder / "control.sock") as listener:
        assert listener is None
