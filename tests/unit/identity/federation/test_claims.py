"""What of a provider's claims counts."""

import pytest

from gatewayops.identity.federation import claims


@pytest.mark.parametrize(
    ("token", "userinfo", "is_verified"),
    [
        pytest.param(
            {"email": "a@b.example"}, {"email": "c@d.example", "email_verified": True}, None, id="token"
        ),
        pytest.param({"email_verified": True}, {"email": "c@d.example"}, None, id="userinfo"),
        pytest.param({}, {"email": "c@d.example", "email_verified": True}, True, id="both of userinfo"),
        pytest.param(
            {"email": "a@b.example", "email_verified": True},
            {"email_verified": False},
            True,
            id="both of the token",
        ),
    ],
)
def test_an_address_counts_as_verified_only_by_who_says_it(token, userinfo, is_verified):
    found = claims.merged({"sub": "1", **token}, {"sub": "1", "name": "Ada", **userinfo})
    assert (found.get("email_verified"), found["name"]) == (is_verified, "Ada")
    assert found["email"] == token.get("email", userinfo.get("email"))


def test_a_letter_that_only_becomes_one_of_another_address_is_not_taken():
    assert claims.address("Mike@Example.org") == "mike@example.org"
    assert claims.address("mi\N{KELVIN SIGN}e@example.org") == ""
    assert claims.address("JÖRG@example.org") == "jörg@example.org"
