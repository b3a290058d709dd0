"""The one address to which a page elsewhere may send people by a form: SAML's assertion consumer service."""

import pytest

from gatewayops.gateway.pages import is_brought

ACS = "/sign-in/saml/idp_MednZ8lfE1pB82YAiv5r/acs"


def test_the_form_of_an_identity_provider_s_page_is_let_through() -> None:
    assert is_brought("POST", ACS)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", ACS, id="another-method"),
        pytest.param("PUT", ACS, id="put"),
        pytest.param("POST", f"{ACS}/", id="a-slash-behind"),
        pytest.param("POST", f"{ACS}/../../x", id="dots"),
        pytest.param("POST", f"{ACS}\n", id="a-line-behind"),
        pytest.param("POST", f"/x{ACS}", id="something-before"),
        pytest.param("POST", "/sign-in/saml/a/b/acs", id="two-segments"),
        pytest.param("POST", "/sign-in/saml/../acs", id="up"),
        pytest.param("POST", "/sign-in/saml//acs", id="no-provider"),
        pytest.param("POST", "/sign-in/saml/idp_1/metadata", id="metadata"),
        pytest.param("POST", "/sign-in", id="the-password"),
        pytest.param("POST", "/sign-in/saml/idp_1/ACS", id="capitals"),
    ],
)
def test_nothing_else_is(method: str, path: str) -> None:
    assert not is_brought(method, path)
