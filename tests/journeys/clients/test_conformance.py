"""The official conformance suite says of a server behind the gateway what it says of the server itself."""

import pytest

from gatewayops.testing import conformance

# What the suite says of the SDK's everything-server directly: were the comparison with a server that
# fails everything, it would prove nothing. The failing ones are `tasks-*`, which the SDK lacks.
PASSED_DIRECTLY = {"2025-11-25": 84, "2026-07-28": 169}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", sorted(PASSED_DIRECTLY))
def test_the_gateway_changes_no_verdict(revision, governed, everything_url, node_peers, tmp_path):
    direct = conformance.run(
        node_peers, url=everything_url, revision=revision, bearer="none", output=tmp_path / "direct"
    )
    through = conformance.run(
        node_peers,
        url=governed.address("everything"),
        revision=revision,
        bearer=governed.secret,
        output=tmp_path / "through",
    )

    changed = list(conformance.differences(direct, through))
    assert not changed, "\n".join(["", *changed])
    assert conformance.passed(direct) == PASSED_DIRECTLY[revision]
    assert all(key.scenario.startswith("tasks-") for key in conformance.failed(direct))
