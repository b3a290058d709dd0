"""Answers that must sign nobody in: each begins with a real one of a real identity provider.

What is used once (requests, assertions) and whose browser it is are the door's: tests/unit/api/saml.
"""

import base64
import copy
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from gatewayops.identity.saml.attributes import AttributeNames, identity_of
from gatewayops.identity.saml.documents import MAX_BYTES, NAMES
from gatewayops.identity.saml.parties import SamlRefused, ServiceProvider
from gatewayops.identity.saml.responses import Answer
from gatewayops.testing.saml_idp import answer_with, pem_of, xml_of

from .visit import US

OTHER = "https://gw.example/sign-in/saml/p2"


def _assertion(root):
    return root.find("saml:Assertion", NAMES)


def _evil(root, *, new_id="_evil"):
    """A copy of the assertion that names somebody else, without a signature."""
    made = copy.deepcopy(_assertion(root))
    for signature in made.findall("ds:Signature", NAMES):
        made.remove(signature)
    made.set("ID", new_id)
    made.find(".//saml:NameID", NAMES).text = "root@example.com"
    return made


def _evil_before_the_signed_one(root):
    _assertion(root).addprevious(_evil(root))


def _evil_around_the_signed_one(root):
    evil, signed = _evil(root), _assertion(root)
    signature = signed.find("ds:Signature", NAMES)
    evil.insert(1, signature)
    etree.SubElement(signature, f"{{{NAMES['ds']}}}Object").append(copy.deepcopy(signed))
    root.replace(signed, evil)


def _signed_one_in_an_extension(root):
    evil, signed = _evil(root), _assertion(root)
    root.replace(signed, evil)
    box = etree.Element(f"{{{NAMES['samlp']}}}Extensions")
    box.append(signed)
    root.insert(1, box)


def _evil_with_the_same_id(root):
    _assertion(root).addprevious(_evil(root, new_id=_assertion(root).get("ID")))


def _evil_with_the_signature_of_the_other(root):
    evil, signed = _evil(root), _assertion(root)
    evil.insert(1, copy.deepcopy(signed.find("ds:Signature", NAMES)))
    root.replace(signed, evil)


def _another_person(root):
    _assertion(root).find(".//saml:NameID", NAMES).text = "root@example.com"


def _one_more_group(root):
    value = _assertion(root).find(".//saml:AttributeValue", NAMES)
    value.addnext(copy.deepcopy(value))


def _no_signature(root):
    _assertion(root).remove(_assertion(root).find("ds:Signature", NAMES))


def _signature_elsewhere(root):
    root.insert(1, _assertion(root).find("ds:Signature", NAMES))


def _signature_of_nothing(root):
    _assertion(root).find(".//ds:Reference", NAMES).set("URI", "")


def _a_transform_that_picks(root):
    last = _assertion(root).findall(".//ds:Transform", NAMES)[-1]
    made = etree.SubElement(
        last.getparent(), last.tag, Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"
    )
    etree.SubElement(made, f"{{{NAMES['ds']}}}XPath").text = "not(ancestor-or-self::saml:Subject)"


def _hmac(root):
    method = _assertion(root).find(".//ds:SignatureMethod", NAMES)
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")


def _no_conditions(root):
    _assertion(root).remove(_assertion(root).find("saml:Conditions", NAMES))


def _wrapped_in_another_response(root):
    signed = copy.deepcopy(root)
    root.remove(root.find("ds:Signature", NAMES))
    root.set("ID", "_evil")
    root.replace(_assertion(root), _evil(signed))
    box = etree.Element(f"{{{NAMES['samlp']}}}Extensions")
    box.append(signed)
    root.insert(1, box)


def _changed(answer, change):
    root = etree.fromstring(xml_of(answer).encode())
    change(root)
    return answer_with(etree.tostring(root, encoding="unicode"))


@pytest.mark.parametrize(
    "change",
    [
        _evil_before_the_signed_one,
        _evil_around_the_signed_one,
        _signed_one_in_an_extension,
        _evil_with_the_same_id,
        _evil_with_the_signature_of_the_other,
        _another_person,
        _one_more_group,
        _no_signature,
        _signature_elsewhere,
        _signature_of_nothing,
        _a_transform_that_picks,
        _hmac,
        _no_conditions,
    ],
)
@pytest.mark.parametrize("signs_response", [False, True])
def test_a_changed_answer_signs_nobody_in(visit, change, signs_response):
    answer = visit.answer(attributes={"groups": ["a"]}, request={"signResponse": signs_response})
    assert visit.believe(answer)
    with pytest.raises(SamlRefused):
        visit.believe(_changed(answer, change))


@pytest.mark.parametrize("change", [_another_person, _wrapped_in_another_response])
def test_a_signed_response_is_signed_as_a_whole(visit, change):
    answer = visit.answer(request={"signAssertion": False, "signResponse": True})
    assert visit.believe(answer)
    with pytest.raises(SamlRefused):
        visit.believe(_changed(answer, change))


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        pytest.param({"request": {"audience": f"{US.entity_id}/"}}, "audience", id="another audience"),
        pytest.param(
            {"request": {"recipient": f"{OTHER}/acs"}}, "SubjectConfirmation", id="another recipient"
        ),
        pytest.param(
            {"request": {"recipient": f"{US.acs_url}/more"}}, "address", id="a recipient that ours begins"
        ),
        pytest.param({"request": {"recipient": ""}}, "address", id="no recipient"),
        pytest.param({"request": {"destination": f"{OTHER}/acs"}}, "received at", id="another destination"),
        pytest.param(
            {"request": {"destination": f"{US.acs_url}x"}}, "another address", id="a longer destination"
        ),
        pytest.param({"request": {"inResponseTo": "_another"}}, "InResponseTo", id="another request"),
        pytest.param({"request": {"issuer": "https://evil.example"}}, "issuer", id="another issuer"),
        pytest.param({"request": {"lifetimeInSeconds": -120}}, "SubjectConfirmation", id="expired"),
        pytest.param({"pair": 1}, "Signature", id="signed by another key"),
        pytest.param({"request": {"signAssertion": False}}, "neither", id="not signed"),
        pytest.param({"request": {"signatureAlgorithm": "rsa-sha1"}}, "SHA-1", id="signed over SHA-1"),
        pytest.param({"request": {"digestAlgorithm": "sha1"}}, "SHA-1", id="a digest of SHA-1"),
    ],
)
def test_an_answer_for_others_or_of_others_signs_nobody_in(visit, said, fault):
    with pytest.raises(SamlRefused, match=fault):
        visit.believe(visit.answer(**said))


def test_sha1_counts_where_the_provider_may(visit):
    answer = visit.answer(request={"signatureAlgorithm": "rsa-sha1", "digestAlgorithm": "sha1"})
    assert visit.believe(answer, allows_sha1=True).subject == "ada@example.com"


def test_an_encrypted_assertion_is_refused_with_what_to_do(visit):
    certificate = pem_of(visit.ours.certificate)
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    public = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    encrypted = {"encryptionCert": certificate, "encryptionPublicKey": public.decode()}
    with pytest.raises(SamlRefused, match="switch encryption off"):
        visit.believe(visit.answer(request=encrypted))


def test_an_answer_of_one_organisation_s_provider_is_none_at_another_s_address(visit):
    answer = visit.answer()
    theirs = ServiceProvider(f"{OTHER}/metadata", f"{OTHER}/acs")
    with pytest.raises(SamlRefused):
        visit.believe(answer, us=theirs)


def test_another_identity_provider_with_the_same_key_is_another_one(visit):
    other = msgspec.structs.replace(visit.known, entity_id="https://other.example/idp")
    with pytest.raises(SamlRefused):
        visit.believe(visit.answer(), idp=other)


def test_an_answer_that_nobody_asked_for_answers_no_request(visit, idp):
    visit.answer()
    unasked = idp.unasked()
    assert Answer(unasked).claims_request == ""
    with pytest.raises(SamlRefused):
        visit.believe(unasked)


def test_an_answer_to_a_request_is_not_one_that_nobody_asked_for(visit):
    answer = visit.answer()
    with pytest.raises(SamlRefused, match="another request"):
        visit.believe(answer, request_id="")
    bare = re.sub(
        r'InResponseTo="[^"]*"', "", xml_of(answer), count=1
    )  # of the response, which is not signed
    with pytest.raises(SamlRefused, match="not confirmed"):
        visit.believe(answer_with(bare), request_id="")
    with pytest.raises(SamlRefused, match="another request"):
        visit.believe(answer_with(bare))


def test_it_counts_no_longer_than_it_says(visit):
    answer = visit.answer()
    later = datetime.now(UTC) + timedelta(seconds=361)
    with pytest.raises(SamlRefused, match="expired"):
        visit.believe(answer, now=later)
    assert visit.believe(answer).until < later + timedelta(seconds=1)


def test_of_several_confirmations_the_last_to_end_says_how_long_it_is_used_up(visit, idp):
    later = datetime.now(UTC) + timedelta(minutes=30)
    signed = _confirmed_again(visit, idp, until=later.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert visit.believe(signed).until >= later


def test_an_answer_that_would_count_for_ages_is_refused_in_words(visit, idp):
    """Its id would be kept for as long; and after the year 9999 comes none."""
    with pytest.raises(SamlRefused, match="longer than a day"):
        visit.believe(_confirmed_again(visit, idp, until="9999-12-31T23:59:59Z"))


def _confirmed_again(visit, idp, *, until):
    """An answer with a second confirmation, signed by the provider itself."""
    root, key = etree.fromstring(xml_of(visit.answer()).encode()), idp.pairs[0]
    _no_signature(root)
    first = _assertion(root).find(".//saml:SubjectConfirmation", NAMES)
    second = copy.deepcopy(first)
    second[0].set("NotOnOrAfter", until)
    first.addnext(second)
    signed = OneLogin_Saml2_Utils.add_sign(
        etree.tostring(root), key.private_pem.decode(), pem_of(key.certificate)
    )
    return answer_with(signed.decode())


@pytest.mark.parametrize("where", ["NameID", "AttributeValue"])
def test_a_comment_cuts_no_name_in_two(visit, where):
    whole = "root@example.com.evil.example"
    xml = xml_of(visit.answer(whole, attributes={"email": whole}))
    cut = re.sub(rf"(<saml:{where}[^>]*>root@example\.com)", r"\1<!---->", xml)
    assert cut != xml
    person = identity_of(visit.believe(answer_with(cut)), AttributeNames(), issuer="")
    assert (person.subject, person.email) == (whole, whole)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('<!DOCTYPE r [<!ENTITY a "root">]>{xml}', id="a DOCTYPE"),
        pytest.param('<!DOCTYPE r SYSTEM "http://127.0.0.1:1/dtd">{xml}', id="a DOCTYPE elsewhere"),
        pytest.param("{xml}<", id="not well-formed"),
        pytest.param("", id="nothing"),
        pytest.param("<r/>", id="another document"),
        pytest.param(f"{{xml}}{' ' * MAX_BYTES}", id="too large"),
        pytest.param("<a>" * 5000, id="deep"),
    ],
)
def test_what_is_no_response_is_refused(visit, text):
    with pytest.raises(SamlRefused):
        visit.believe(answer_with(text.replace("{xml}", xml_of(visit.answer()))))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7"])
def test_a_doctype_hides_in_no_encoding(visit, encoding):
    xml = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE r [<!ENTITY a "b">]>{xml_of(visit.answer())}'
    raw = (
        xml.encode(encoding) if encoding == "utf-16" else xml.replace("<!DOCTYPE", "+ADwAIQ-DOCTYPE").encode()
    )
    with pytest.raises(SamlRefused):
        visit.believe(base64.b64encode(raw).decode())


@pytest.mark.parametrize("encoded", ["", "%%%", "PHg", "é"])
def test_what_is_no_base64_is_refused(encoded):
    with pytest.raises(SamlRefused):
        Answer(encoded)


def test_a_provider_that_signs_nobody_in_is_told_with_its_own_status(visit):
    status = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
    with pytest.raises(SamlRefused, match="AuthnFailed"):
        visit.believe(visit.answer(request={"samlStatusCode": status}))
