"""Devices: a code on a screen, a person who types it, signs in and allows; and who tries to get at it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gatewayops.base import clock
from gatewayops.store.control import end_users
from gatewayops.store.control.database import Database

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
Make = Callable[..., Awaitable[Any]]


@pytest.fixture
async def television(register: Make) -> Any:
    return await register(grant_types=["authorization_code", DEVICE])


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass."""
    now = clock.now

    def pass_(seconds: float) -> None:
        moment = now() + timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "now", lambda: moment)

    return pass_


async def begun(app: Any, **changes: str) -> dict[str, Any]:
    form = {"client_id": app.registered["client_id"]} | changes
    answer = await app.http.post(f"{app.issuer}/device_authorization", data=form)
    found: dict[str, Any] = answer.json()
    return found


async def asked(app: Any, device_code: str, issuer: str = "", **changes: str) -> httpx.Response:
    found: httpx.Response = await app.token(
        issuer, **{"grant_type": DEVICE, "device_code": device_code} | changes
    )
    return found


async def test_a_device_gets_tokens_when_a_person_has_typed_its_code_and_allowed_it(
    television: Any, browser: Any, people: dict[str, str], later: Any
) -> None:
    told = await begun(television, scope="notes.read notes.write")
    assert (await asked(television, told["device_code"])).json()["error"] == "authorization_pending"
    person = browser()
    form = await person.go(told["verification_uri"])
    assert "Connect a device" in form.text
    sign_in = await person.go(
        f"{told['verification_uri']}?user_code={told['user_code'].lower().replace('-', ' ')}"
    )
    consent = await person.sign_in(sign_in)
    assert "Notebook" in consent.text
    assert "notes.read" in consent.text
    assert "code from the screen of your own device" in consent.text
    assert "Done" in (await person.submit(consent, decision="allow")).text
    later(6)
    answer = await asked(television, told["device_code"])
    assert (answer.status_code, answer.json()["scope"]) == (200, "notes.read notes.write")
    assert (await television.refresh(answer.json()["refresh_token"])).status_code == 200


async def test_one_that_asks_too_often_is_told_to_wait_longer(television: Any, later: Any) -> None:
    code = (await begun(television))["device_code"]
    pending, slow = "authorization_pending", "slow_down"
    for seconds, error in ((0, pending), (1, slow), (6, slow), (22, pending)):  # 5 s, then 10, then 15
        later(seconds)
        assert (await asked(television, code)).json()["error"] == error, seconds
    later(601)
    assert (await asked(television, code)).json()["error"] == "expired_token"


async def test_a_no_is_told_to_the_device_and_the_code_is_spent(television: Any, browser: Any) -> None:
    told, person = await begun(television), browser()
    page = told["verification_uri_complete"]
    consent = await person.sign_in(await person.go(page))
    await person.submit(consent, decision="deny")
    assert (await asked(television, told["device_code"])).json()["error"] == "access_denied"
    assert "No device waits" in (await person.go(page)).text


async def test_a_code_that_comes_again_ends_what_it_brought(
    television: Any, browser: Any, later: Any
) -> None:
    told, person = await begun(television), browser()
    consent = await person.sign_in(await person.go(told["verification_uri_complete"]))
    await person.submit(consent, decision="allow")
    tokens = (await asked(television, told["device_code"])).json()
    assert (await asked(television, told["device_code"])).json()["error"] == "invalid_grant"
    assert (await television.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_device_code_is_nothing_to_others(
    television: Any, register: Make, browser: Any, people: dict[str, str]
) -> None:
    told, person = await begun(television), browser()
    consent = await person.sign_in(await person.go(told["verification_uri_complete"]))
    await person.submit(consent, decision="allow")
    thief = await register(grant_types=["authorization_code", DEVICE])
    papers = await register("papers", grant_types=["authorization_code", DEVICE])
    assert (await asked(thief, told["device_code"])).json()["error"] == "invalid_grant"
    assert (await asked(papers, told["device_code"])).json()["error"] == "invalid_grant"
    assert (await asked(television, told["device_code"], papers.issuer)).json()["error"] == "invalid_client"
    elsewhere = browser("papers")
    page = await elsewhere.go(f"{papers.issuer}/device?user_code={told['user_code']}")
    assert "No device waits" in page.text
    assert (await asked(television, told["device_code"])).status_code == 200


async def test_only_who_registered_for_it_begins_and_only_within_what_is_offered(
    television: Any, register: Make
) -> None:
    plain = await register()
    assert (await begun(plain))["error"] == "unauthorized_client"
    assert (await begun(television, scope="admin"))["error"] == "invalid_scope"
    assert (await begun(television, resource="https://evil.example"))["error"] == "invalid_target"
    assert (await begun(television, client_id="cl_nobody"))["error"] == "invalid_client"


async def test_guessing_codes_is_slowed_and_tells_nothing(television: Any, browser: Any) -> None:
    told, person = await begun(television), browser()
    page = told["verification_uri"]
    answers = [await person.go(f"{page}?user_code={guess}") for guess in ("BCDF-GHJK", "<script>", "x" * 99)]
    assert len({answer.text for answer in answers}) == 1
    for _ in range(8):
        last = await person.go(f"{page}?user_code=BCDF-GHJK")
    assert last.status_code == 429
    assert (await person.go(told["verification_uri_complete"])).status_code == 429, "right ones too, for now"


async def test_an_approval_is_bound_to_the_browser_asked_each_time_and_given_once(
    television: Any, browser: Any
) -> None:
    told, first, second = await begun(television), browser(), browser()
    consent = await first.sign_in(await first.go(told["verification_uri_complete"]))
    other = await second.sign_in(await second.go(told["verification_uri_complete"]))
    assert (await second.submit(consent, decision="allow")).status_code == 403
    await first.submit(consent, decision="allow")
    late = await second.submit(other, decision="allow")
    assert late.status_code == 403, "another answered it before"
    again = await begun(television)
    assert "Allow access?" in (await first.go(again["verification_uri_complete"])).text


async def test_who_is_disabled_before_the_device_asks_gave_nothing(
    television: Any, browser: Any, database: Database
) -> None:
    told, person = await begun(television), browser()
    consent = await person.sign_in(await person.go(told["verification_uri_complete"]))
    await person.submit(consent, decision="allow")
    async with database.session() as session:
        await end_users.disable(session, org_id="org_default", ref="ada@example.com")
    assert (await asked(television, told["device_code"])).json()["error"] == "access_denied"
