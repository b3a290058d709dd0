"""`up` over its life: it stops all, starts again with its data, and brings back what dies."""

import os
import signal

import httpx

from gatewayops.testing.installation import is_running, run_cli


def echo(installation, *, trace="", key=None):
    headers = {"Authorization": f"Bearer {key or installation.secret}"} | (
        {"X-Trace-ID": trace} if trace else {}
    )
    body = {"tool": "echo", "arguments": {"text": "still here"}}
    return httpx.post(f"{installation.url}/v1/mcp/demo/tools/call", json=body, headers=headers, timeout=30)


def is_answered(installation):
    try:
        return echo(installation).status_code == 200
    except httpx.TransportError:
        return False


def test_it_stops_by_a_signal_shows_traces_while_nothing_runs_and_starts_again(own_installation, eventually):
    own_installation.start()
    first_banner, pids = own_installation.banner, own_installation.pids
    assert echo(own_installation, trace="before-the-restart").status_code == 200

    assert own_installation.stop(signal.SIGINT) == 0
    assert set(pids) == {"gateway", "control", "demo", "store"}
    assert not any(is_running(pid) for pid in pids.values())
    assert not (own_installation.data / "run" / "up.json").exists()
    shown = own_installation.json("trace", "show", "before-the-restart")
    assert [span["tool"] for span in shown["spans"]] == ["echo"]

    own_installation.start()
    assert own_installation.banner == first_banner
    assert is_answered(own_installation)
    eventually(lambda: own_installation.cli("trace", "show", "before-the-restart").returncode == 0)
    pids = own_installation.pids
    assert own_installation.stop(signal.SIGTERM) == 0
    assert not any(is_running(pid) for pid in pids.values())


def test_every_role_that_is_killed_comes_back_and_all_end_with_the_supervisor(own_installation, eventually):
    own_installation.start()
    for role in ("gateway", "control", "store", "demo"):
        before = own_installation.pids[role]
        os.kill(before, signal.SIGKILL)

        eventually(lambda: own_installation.pids.get(role, before) != before)  # noqa: B023 - asked at once
        eventually(lambda: is_answered(own_installation))

    echo(own_installation, trace="after-all-that")
    eventually(lambda: own_installation.cli("trace", "show", "after-all-that").returncode == 0)

    pids = own_installation.pids.values()
    own_installation.kill()

    eventually(lambda: not any(is_running(pid) for pid in pids), within_s=40)


def test_a_second_up_on_the_same_directory_is_told_who_runs_there(installation):
    done = run_cli("up", "--data", str(installation.data), "--port", "1")

    assert done.returncode == 1
    assert f"process {installation.told['pid']}" in done.stderr
    assert "--data" in done.stderr


def test_a_port_that_is_taken_is_named_with_the_way_out(installation, tmp_path):
    done = run_cli("up", "--data", str(tmp_path / "other"), "--port", str(installation.port))

    assert done.returncode == 1
    assert str(installation.port) in done.stderr
    assert "--port" in done.stderr


def test_a_revoked_key_is_denied_soon(installation, eventually):
    made = installation.json("key", "create", "short-lived")
    eventually(lambda: echo(installation, key=made["secret"]).status_code == 200)

    installation.json("key", "revoke", made["id"])

    eventually(lambda: echo(installation, key=made["secret"]).status_code == 401)
