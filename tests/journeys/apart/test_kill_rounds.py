"""The bench of killed roles, one round of it: nothing answered is missing, or there twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROUNDS = 1


@pytest.fixture(scope="module")
def report():
    command = [sys.executable, "-m", "bench.kill9", "--rounds", str(ROUNDS), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_every_answered_call_is_recorded_though_roles_were_killed(report):
    assert report["kills"] == 3 * ROUNDS
    assert min(report["answered"].values()) > 0
    assert report["missing"] == []


def test_every_acknowledged_export_is_stored_though_roles_were_killed(report):
    assert min(report["exported"].values()) > 0
    assert report["exports_sent_again"] + report["exports_refused"] > 0
    assert report["missing"] == []


def test_no_call_and_no_export_is_recorded_twice_though_roles_were_killed(report):
    assert report["doubled"] == []
