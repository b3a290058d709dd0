"""What real answers of an identity provider say, and whom they count for."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest

from gatewayops.identity.saml import requests
from gatewayops.identity.saml.attributes import AttributeNames, identity_of
from gatewayops.identity.saml.parties import SamlRefused
from gatewayops.store.external_identity import ExternalIdentity

from .visit import US

ISSUER = "https://idp.example"


def person(subject, email="", name="", groups=()):
    return ExternalIdentity(ISSUER, subject, email, name=name, groups=groups)


def person_of(assertion, **names):
    return identity_of(assertion, AttributeNames(**names), issuer=ISSUER)


_ENTRA = "http://schemas.microsoft.com"
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"


@pytest.mark.parametrize(
    "name_id",
    ["ada@example.com", "Ada <&> Lovelace, Ünïcode", "00u1a2b3c4"],
)
def test_the_person_is_named_as_the_identity_provider_names_them(visit, name_id):
    assertion = visit.believe(visit.answer(name_id))
    assert assertion.subject == name_id


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param({"signAssertion": True}, id="the assertion"),
        pytest.param({"signAssertion": False, "signResponse": True}, id="the response"),
        pytest.param({"signAssertion": True, "signResponse": True}, id="both"),
    ],
)
def test_it_is_enough_that_either_is_signed(visit, signed):
    assert visit.believe(visit.answer(request=signed)).subject == "ada@example.com"


def test_a_second_certificate_counts_before_the_first_one_goes(visit, idp):
    both = msgspec.structs.replace(visit.known, certificates=tuple(one.certificate for one in idp.pairs))
    for pair in (0, 1):
        assert visit.believe(visit.answer(pair=pair), idp=both).subject == "ada@example.com"


def test_clocks_may_differ_by_a_minute(visit):
    answer = visit.answer()
    assert visit.believe(answer, now=datetime.now(UTC) - timedelta(seconds=55))
    with pytest.raises(SamlRefused, match="clock"):
        visit.believe(answer, now=datetime.now(UTC) - timedelta(seconds=70))


def test_our_request_is_signed_and_the_identity_provider_looks(visit):
    visit.answer()
    url = requests.redirect_url(
        visit.known, US, request_id="_1", private_pem=visit.ours.private_pem, now=datetime.now(UTC)
    )
    parts = urlsplit(url)
    other = requests.redirect_url(
        visit.known, US, request_id="_2", private_pem=visit.ours.private_pem, now=datetime.now(UTC)
    )
    pairs = dict(parse_qsl(parts.query)) | {
        "SAMLRequest": dict(parse_qsl(urlsplit(other).query))["SAMLRequest"]
    }
    assert visit.idp.takes(url)
    assert not visit.idp.takes(parts._replace(query=urlencode(pairs)).geturl())


def test_an_address_with_a_query_is_asked_well(visit):
    known = msgspec.structs.replace(visit.known, sign_in_url=f"{visit.known.sign_in_url}?idpid=C01&x=%22a%22")
    visit.answer()
    url = requests.redirect_url(
        known, US, request_id=visit.request_id, private_pem=visit.ours.private_pem, now=datetime.now(UTC)
    )
    assert visit.believe(visit.idp.answer_of(url)).subject == "ada@example.com"


@pytest.mark.parametrize(
    ("attributes", "somebody"),
    [
        pytest.param(
            {
                "email": "ada@example.com",
                "firstName": "Ada",
                "lastName": "Lovelace",
                "groups": ["Admins", "Everyone"],
            },
            person("00u1", "ada@example.com", "Ada Lovelace", ("Admins", "Everyone")),
            id="as Okta's guide has it",
        ),
        pytest.param(
            {
                f"{_CLAIMS}/emailaddress": "ada@example.com",
                f"{_CLAIMS}/givenname": "Ada",
                f"{_CLAIMS}/surname": "Lovelace",
                f"{_CLAIMS}/name": "ada@tenant.example",
                f"{_ENTRA}/ws/2008/06/identity/claims/groups": ["5f2a6d1e-0000-4000-8000-000000000001"],
            },
            person("00u1", "ada@example.com", "Ada Lovelace", ("5f2a6d1e-0000-4000-8000-000000000001",)),
            id="as Entra ID sends it",
        ),
        pytest.param(None, person("00u1", "", "", ()), id="nothing"),
    ],
)
def test_the_usual_names_of_attributes_need_no_settings(visit, attributes, somebody):
    assertion = visit.believe(visit.answer("00u1", attributes=attributes, format=_PERSISTENT))
    assert person_of(assertion) == somebody


def test_what_the_settings_name_is_taken_and_nothing_in_its_place(visit):
    attributes = {
        "email": "other@example.com",
        "uid": "u7",
        "work": "ada@example.com",
        "teams": "blue",
        "groups": "red",
    }
    assertion = visit.believe(visit.answer("x@example.com", attributes=attributes))
    names = {"subject": "uid", "email": "work", "name": ("uid", "teams"), "groups": "teams"}
    assert person_of(assertion, **names) == person("u7", "ada@example.com", "u7 blue", ("blue",))
    assert person_of(assertion, email="private", groups="none").email == ""


def test_a_name_id_that_changes_at_each_sign_in_names_nobody(visit):
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    assertion = visit.believe(visit.answer("_8a1", attributes={"uid": "u7"}, format=transient))
    with pytest.raises(SamlRefused, match="lasting"):
        person_of(assertion)
    assert person_of(assertion, subject="uid").subject == "u7"
