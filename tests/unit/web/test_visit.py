"""Forms as people send them, and what a change tells the next page."""

from urllib.parse import quote, urlencode

import pytest
from starlette.requests import Request

from gatewayops.web.rest import Refused
from gatewayops.web.visit import Done, Form, Visit, leave, sent, told


def request_with(cookie: str = "", body: bytes = b"") -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"cookie", cookie.encode())] if cookie else []
    scope = {"type": "http", "method": "POST", "scheme": "http", "path": "/", "query_string": b""}
    return Request(scope | {"headers": headers}, receive)


def visit_with(cookie: str = "", *, form_token: str = "token") -> Visit:
    return Visit(request_with(cookie), None, {"form_token": form_token, "actions": []})


def test_what_a_change_says_is_told_once_to_the_session_that_made_it():
    cookie = leave(visit_with(), Done("/", "Rule “a” saved.")).headers["set-cookie"].partition(";")[0]

    assert told(visit_with(cookie)) == "Rule “a” saved."
    assert told(visit_with(cookie, form_token="another")) == ""


@pytest.mark.parametrize(
    "text", ["Your session ends: sign in at evil.example", "0" * 32 + " Pay here", "é", ""]
)
def test_a_cookie_of_another_host_says_nothing(text):
    assert told(visit_with(f"gatewayops-flash={quote(text)}")) == ""


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999", "many"])
def test_a_number_is_one_that_json_can_say(text):
    form = Form((("limit", text),))

    for read in (form.number, form.whole):
        with pytest.raises(Refused, match="is no number"):
            read("limit", "Limit")


async def test_a_form_holds_as_many_rules_as_a_role():
    fields = [
        (f"{name}.{row}", "x")
        for row in range(203)
        for name in ("effect", "server", "action", "named", "gone")
    ]

    form = await sent(request_with(body=urlencode(fields).encode()))

    assert form["gone.202"] == "x"


async def test_a_form_of_too_many_fields_is_refused():
    with pytest.raises(Refused, match="fields"):
        await sent(request_with(body=b"a=1&" * 5_000))
