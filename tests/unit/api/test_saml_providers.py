"""SAML providers as administrators set them, and what browsers get before any provider is asked.

Answers of a real one are in journeys/oauth_clients/test_saml_providers.py.
"""

import base64
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from gatewayops.api.app import ControlParts
from gatewayops.identity.saml import signing_pair
from gatewayops.identity.saml.signing_pair import new_pair

OURS = "https://ops.example.com"


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_pair, "_BITS", 2048)


@pytest.fixture(scope="module")
def certificates() -> tuple[str, str]:
    one, two = (new_pair(name, now=datetime.now(UTC)).certificate for name in ("one", "two"))
    return one, two


@pytest.fixture
def parts(parts: ControlParts) -> ControlParts:
    """An installation at a public address."""
    return replace(parts, address=OURS)


@pytest.fixture
def person(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser at that address."""
    return httpx.AsyncClient(transport=anyone._transport, base_url=OURS)


def metadata(*certificates: str, entity_id: str = "https://idp.example/1") -> str:
    """Of a provider."""
    keys = "".join(
        f"<md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{one}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for one in certificates
    )
    return (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
        f' xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{entity_id}"><md:IDPSSODescriptor'
        f' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}'
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
        ' Location="https://idp.example/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>'
    )


async def added(admin: httpx.AsyncClient, text: str, **more: Any) -> httpx.Response:
    body = {"name": "house", "kind": "saml", "metadata": text} | more
    return await admin.post("/v1/identity-providers", json=body)


@pytest.fixture
async def house(admin: httpx.AsyncClient, certificates: tuple[str, str]) -> dict[str, Any]:
    made = await added(admin, metadata(certificates[0]))
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()["identity_provider"]
    return found


async def test_what_to_tell_the_provider_of_us_is_told_and_its_document_too(
    house: dict[str, Any], person: httpx.AsyncClient
) -> None:
    base, saml = f"{OURS}/sign-in/saml/{house['id']}", house["saml"]
    assert (house["issuer"], house["redirect_uri"]) == ("https://idp.example/1", f"{base}/acs")
    assert (saml["our_entity_id"], saml["sign_in_url"]) == (f"{base}/metadata", "https://idp.example/sso")
    assert (saml["allow_idp_initiated"], saml["allow_sha1"], house["trust_email"]) == (False, False, True)
    shown = await person.get(saml["our_metadata_url"])
    assert shown.headers["content-type"].startswith("application/samlmetadata+xml")
    for text in ('AuthnRequestsSigned="true"', f'Location="{base}/acs"', f'entityID="{base}/metadata"'):
        assert text in shown.text
    assert "PRIVATE" not in shown.text + str(house)


async def test_the_browser_goes_with_a_signed_request_and_a_cookie_that_a_form_elsewhere_may_bring(
    house: dict[str, Any], person: httpx.AsyncClient
) -> None:
    started = await person.get(f"/sign-in/sso/{house['id']}")
    assert started.status_code == 303, started.text
    to = urlsplit(started.headers["location"])
    sent = dict(parse_qsl(to.query))
    assert (to.netloc, set(sent)) == ("idp.example", {"SAMLRequest", "SigAlg", "Signature"})
    asked = zlib.decompress(base64.b64decode(sent["SAMLRequest"]), wbits=-15).decode()
    assert f'AssertionConsumerServiceURL="{house["redirect_uri"]}"' in asked
    [cookie] = started.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-gatewayops-saml=")
    for word in ("Secure", "HttpOnly", "SameSite=none", "Path=/"):
        assert word in cookie


async def test_certificates_are_renewed_but_the_provider_remains_the_one_that_people_are_known_by(
    house: dict[str, Any], admin: httpx.AsyncClient, certificates: tuple[str, str]
) -> None:
    path = f"/v1/identity-providers/{house['id']}"
    changed = await admin.patch(path, json={"metadata": metadata(*certificates)})
    shown = changed.json()["identity_provider"]["saml"]["certificates"]
    assert [one["certificate"] for one in shown] == list(certificates)
    other = {"metadata": metadata(certificates[0], entity_id="https://evil.example")}
    refused = await admin.patch(path, json=other)
    assert (refused.status_code, "people are known as" in refused.text) == (400, True)
    assert (await admin.patch(path, json={"scopes": ["openid"]})).status_code == 400


@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param({"metadata": ""}, "metadata_url", id="nothing"),
        pytest.param({"metadata_url": "https://idp.example/m"}, "its address", id="both"),
        pytest.param({"metadata": "<!DOCTYPE x><x/>"}, "DOCTYPE", id="doctype"),
        pytest.param({"metadata": "<x/>"}, "0 identity providers", id="none"),
        pytest.param(
            {"metadata": "", "metadata_url": "https://169.254.169.254/m"}, "metadata_url", id="inside"
        ),
        pytest.param({"issuer": "https://x"}, "issuer", id="of-oidc"),
    ],
)
async def test_what_is_no_provider_s_metadata_is_refused(
    admin: httpx.AsyncClient, certificates: tuple[str, str], more: dict[str, Any], says: str
) -> None:
    refused = await added(admin, metadata(certificates[0]), **more)
    assert (refused.status_code, says in refused.text) == (400, True)


async def test_answers_that_are_none_and_doors_of_the_other_protocol_open_nothing(
    house: dict[str, Any], admin: httpx.AsyncClient, person: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    acs = house["redirect_uri"]
    for given in ({}, {"SAMLResponse": "!"}, {"SAMLResponse": base64.b64encode(b"<x/>").decode()}):
        assert (await person.post(acs, data=given)).status_code == 401
    entries = (await admin.get("/v1/logs/audit", params={"action": "auth.failed"})).json()["entries"]
    assert {entry["target"]["id"] for entry in entries} == {"sign-in at an identity provider"}
    callback = f"/sign-in/sso/{house['id']}/callback"
    assert (await person.get(callback, params={"state": "x", "code": "y"})).status_code == 404
    others = acs.replace(house["id"], provider["id"])
    assert (await person.post(others, data={"SAMLResponse": "!"})).status_code == 404
    path = f"/v1/identity-providers/{house['id']}"
    assert (await admin.patch(path, json={"enabled": False})).status_code == 200
    assert (await person.post(acs, data={"SAMLResponse": "!"})).status_code == 404
    assert (await person.get(f"/sign-in/sso/{house['id']}")).status_code == 404
