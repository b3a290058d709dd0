"""A person's way to the identity provider and back, for the tests beside this."""

from datetime import UTC, datetime
from typing import Any

from gatewayops.identity.saml import requests
from gatewayops.identity.saml.parties import IdentityProvider, ServiceProvider, SigningPair
from gatewayops.identity.saml.responses import Answer, Assertion, Expected
from gatewayops.testing.saml_idp import SamlIdp, pem_of

US = ServiceProvider("https://gw.example/sign-in/saml/p1/metadata", "https://gw.example/sign-in/saml/p1/acs")


class Visit:
    """A person goes to the identity provider and comes back with an answer."""

    def __init__(self, idp: SamlIdp, known: IdentityProvider, ours: SigningPair) -> None:
        self.idp, self.known, self.ours = idp, known, ours
        self.request_id = requests.new_request_id()

    def answer(self, name_id: str = "ada@example.com", **more: Any) -> str:
        """What the browser brings back; `more` is as SamlIdp.says takes it."""
        self.idp.says(US.acs_url, name_id=name_id, checks=pem_of(self.ours.certificate), **more)
        url = requests.redirect_url(
            self.known,
            US,
            request_id=self.request_id,
            private_pem=self.ours.private_pem,
            now=datetime.now(UTC),
        )
        return self.idp.answer_of(url)

    def believe(self, answer: str, *, now: datetime | None = None, **expected: Any) -> Assertion:
        """As the door does, unless `expected` says otherwise."""
        wanted = {"idp": self.known, "us": US, "request_id": self.request_id} | expected
        return Answer(answer).believe(Expected(**wanted), now=now or datetime.now(UTC))
