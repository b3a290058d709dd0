"""Which transformations apply to a tool, in which order, and that none fails open."""

import json

import pytest

from gatewayops.base.crypto import Sealer
from gatewayops.base.errors import GatewayOpsError, InvalidInput, Reason, UpstreamError
from gatewayops.policy.validation.transforms import Transforms
from gatewayops.store.snapshot import Snapshot, StepRow, TransformRow, transform_binding

SEALER = Sealer(b"k" * 32)
SECRET_OUT = StepRow("remove", "/structuredContent/secret")


def put(path, value):
    return StepRow("set", path, value=json.dumps(value).encode())


def transform_of(*rows, at=("org", "files", "read")):
    transforms = Transforms(SEALER)
    transforms.replace(Snapshot(revision=1, made_at=0.0, transforms=rows))
    return transforms.of(*at)


def row(id_="t1", server="", tool="", headers=None, **steps):
    sealed = b""
    if headers is not None:
        sealed = SEALER.seal(json.dumps(headers).encode(), bound_to=transform_binding("org", id_))
    return TransformRow(id_, "org", server, tool, sealed_headers=sealed, **steps)


def test_all_that_name_the_tool_apply_in_their_order():
    found = transform_of(
        row("t1", request=(put("/n", 1),)),
        row("t2", "files", request=(put("/n", 2),)),
        row("t3", "other", request=(put("/n", 3),)),
        row("t4", "files", "write", request=(put("/n", 4),)),
        row("t5", "", "read", response=(SECRET_OUT,)),
    )

    assert found.request(b'{"n":0}') == b'{"n":2}'
    assert found.response(b'{"structuredContent":{"secret":1,"x":2}}') == b'{"structuredContent":{"x":2}}'
    assert found.changes_response


@pytest.mark.parametrize("at", [("other", "files", "read"), ("org", "mail", "read")])
def test_no_transformation_where_none_names_the_tool(at):
    assert transform_of(row("t1", "files", request=(put("/n", 1),)), at=at) is None


def test_absent_arguments_stay_absent_unless_something_is_set():
    assert transform_of(row(request=(StepRow("remove", "/a"),))).request(b"") == b""
    assert transform_of(row(request=(put("/a/b", True),))).request(b"") == b'{"a":{"b":true}}'
    assert transform_of(row(response=(SECRET_OUT,))).request(b"anything") == b"anything"
    assert transform_of(row(request=(put("/a", 1),))).response(b"anything") == b"anything"


def test_headers_are_opened_lower_case_and_the_later_wins():
    found = transform_of(
        row("t1", headers={"X-Tenant": "one", "X-Api-Version": "2"}),
        row("t2", "files", headers={"x-tenant": "two"}),
    )

    assert dict(found.headers) == {b"x-tenant": b"two", b"x-api-version": b"2"}


def test_what_cannot_be_read_is_refused_and_not_passed_on():
    found = transform_of(row(request=(put("/a", 1),), response=(SECRET_OUT,)))

    with pytest.raises(InvalidInput) as refused:
        found.request(b'{"a":')
    assert refused.value.reason is Reason.ARGUMENTS_INVALID
    with pytest.raises(UpstreamError) as broken:
        found.response(b'{"structuredContent":')
    assert broken.value.reason is Reason.UPSTREAM_BROKEN


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(TransformRow("t1", "org", "", "", sealed_headers=b"moved from elsewhere"), id="headers"),
        pytest.param(row(request=(StepRow("copy", "/a"),)), id="a step of a newer version"),
    ],
)
def test_a_transformation_that_cannot_be_read_stops_the_calls_of_its_tools(broken, caplog):
    found = transform_of(broken)

    with pytest.raises(GatewayOpsError):
        found.request(b"{}")
    assert "t1" in caplog.text
