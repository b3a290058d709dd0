"""How a rule stands from look to look: pending, firing, over."""

import msgspec
import pytest

from gatewayops.alerts.silencing import covers
from gatewayops.alerts.standing import Change, Verdict, step
from gatewayops.base import clock
from gatewayops.store.control.alert_incidents import Incident
from gatewayops.store.control.alert_rules import SilenceSpec

VERDICTS = {
    "!": Verdict(is_breach=True, is_clear=False, value=1, summary=""),
    "~": Verdict(is_breach=False, is_clear=False, value=1, summary=""),
    ".": Verdict(is_breach=False, is_clear=True, value=0, summary=""),
}
SHOWN = {Change.NOTHING: "-", Change.FIRES: "F", Change.RESOLVES: "R"}


@pytest.mark.parametrize(
    ("looks", "for_s", "changes"),
    [
        pytest.param("..!", 0, "--F", id="a breach fires at once without for"),
        pytest.param("!!!!", 20, "--F-", id="or when it has lasted"),
        pytest.param("!!.!!!", 20, "-----F", id="a pause begins anew"),
        pytest.param("!!~!!!", 20, "-----F", id="what is only near the threshold is no breach"),
        pytest.param("!.....", 0, "F---R-", id="over when it was clear for a while"),
        pytest.param("!..!....", 0, "F------R", id="a breach in between is the same incident"),
        pytest.param("!..~....", 0, "F------R", id="so is what stays near the threshold"),
        pytest.param("!....!", 0, "F---RF", id="after the end it is another"),
    ],
)
def test_looks_every_ten_seconds(looks, for_s, changes):
    standing, seen = None, ""
    for number, look in enumerate(looks):
        now_s = 1000.0 + number * 10
        standing, change = step(standing, VERDICTS[look], now_s=now_s, for_s=for_s, recovery_s=30)
        seen += SHOWN[change]

    assert seen == changes


INCIDENT = Incident(
    id="incident_1",
    org_id="org",
    rule_id="arule_1",
    rule_name="r",
    kind="error_rate",
    severity="warning",
    server="files",
    tool="read",
    team_id="",
    subject="files/read",
    state="firing",
    summary="",
    value=1,
    threshold=1,
    is_told=False,
    created_at=clock.now(),
)


@pytest.mark.parametrize(
    ("matcher", "is_covered"),
    [
        ({}, True),
        ({"server": "files"}, True),
        ({"server": "files", "tool": "write"}, False),
        ({"rule_id": "arule_1", "severity": "warning"}, True),
        ({"severity": "critical"}, False),
    ],
)
def test_a_silence_covers_what_fits_all_that_it_names(matcher, is_covered):
    silence = msgspec.structs.replace(SilenceSpec(until=clock.now(), reason="r"), **matcher)

    assert covers(silence, INCIDENT) == is_covered
