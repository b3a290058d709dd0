"""How two runs of the conformance suite are read and compared."""

import json

import pytest

from gatewayops.testing import conformance
from gatewayops.testing.peer_process import PeerFailed


def suite_output(folder, scenarios):
    for scenario, checks in scenarios.items():
        place = folder / f"server-{scenario}-2026-11-20T11-24-01-228Z"
        place.mkdir(parents=True)
        written = [{"id": i, "name": i.title(), "status": status} for i, status in checks]
        place.joinpath("checks.json").write_text(json.dumps(written))
    return conformance.read_results(folder)


def test_two_equal_runs_have_no_differences(tmp_path):
    checks = {"tools-list": [("a", "SUCCESS"), ("b", "FAILURE")]}

    direct, through = suite_output(tmp_path / "1", checks), suite_output(tmp_path / "2", checks)

    assert list(conformance.differences(direct, through)) == []
    assert conformance.passed(direct) == 1
    assert [key.id for key in conformance.failed(direct)] == ["b"]


def test_a_changed_verdict_and_a_missing_check_are_both_told(tmp_path):
    direct = suite_output(tmp_path / "1", {"tools-list": [("a", "SUCCESS"), ("b", "SUCCESS")]})
    through = suite_output(tmp_path / "2", {"tools-list": [("a", "FAILURE")]})

    told = list(conformance.differences(direct, through))

    assert told == [
        "tools-list / a (A): direct SUCCESS, through the gateway FAILURE",
        "tools-list / b (B): direct SUCCESS, through the gateway absent",
    ]


def test_repetitions_of_a_check_are_compared_one_by_one(tmp_path):
    direct = suite_output(tmp_path / "1", {"s": [("a", "SUCCESS"), ("a", "FAILURE")]})
    through = suite_output(tmp_path / "2", {"s": [("a", "FAILURE"), ("a", "SUCCESS")]})

    assert len(list(conformance.differences(direct, through))) == 2


def test_an_output_folder_of_another_layout_is_refused(tmp_path):
    tmp_path.joinpath("strange").mkdir()
    tmp_path.joinpath("strange/checks.json").write_text("[]")

    with pytest.raises(PeerFailed, match="strange"):
        conformance.read_results(tmp_path)
