"""SamlIdp: a real SAML identity provider (npm's samlp) on loopback, at which a test says who is signed in.

Its pages are forms; `answer_of` reads what the browser would bring back. Nothing of the product imports it.
"""

import base64
import contextlib
import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from gatewayops.identity.saml.parties import SigningPair
from gatewayops.identity.saml.signing_pair import new_pair
from gatewayops.testing.node_peers import NodePeers
from gatewayops.testing.oidc_idp import NO_ROOTS
from gatewayops.testing.peer_process import free_port, running

_METADATA = "/FederationMetadata/2007-06/FederationMetadata.xml"
_FIELD = re.compile(r'name="SAMLResponse"\s+value="([^"]*)"')


class SamlIdp:
    """`pairs` are its keys: the first signs unless `says` names another."""

    def __init__(self, port: int, pairs: tuple[SigningPair, ...], client: httpx.Client) -> None:
        """It runs already; `client` is the browser."""
        self.url = f"http://127.0.0.1:{port}"
        self.issuer = f"{self.url}/idp"
        self.pairs = pairs
        self._client = client

    def metadata(self) -> bytes:
        """Its EntityDescriptor."""
        return self._client.get(self.metadata_url).raise_for_status().content

    @property
    def metadata_url(self) -> str:
        """Where it is handed out."""
        return self.url + _METADATA

    def says(self, acs: str, *, name_id: str, attributes: dict[str, Any] | None = None, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Of everybody who comes from now on.

        `request` in `more` are options of samlp, `pair` the number of the key that signs, `format` that of
        the NameID, `checks` the certificate (PEM) of those who may ask.
        """
        person = {"nameId": name_id, "nameIdFormat": more.get("format", ""), "attributes": attributes}
        told = {
            "acs": acs,
            "person": person,
            "pair": more.get("pair", 0),
            "request": more.get("request", {}),
            "requestCertificate": more.get("checks", ""),
        }
        self._client.post(f"{self.url}/next", json=told).raise_for_status()

    def answer_of(self, url: str) -> str:
        """What the browser that is sent to `url` brings back: the form's SAMLResponse."""
        page = self._client.get(url)
        found = _FIELD.search(page.text)
        assert found is not None, page.text
        return html.unescape(found.group(1))

    def takes(self, url: str) -> bool:
        """Whether it takes the request that the browser brings, or finds its signature wrong."""
        return self._client.get(url).is_success

    def unasked(self) -> str:
        """An answer that nobody asked for, as a click on a tile makes it."""
        return self.answer_of(f"{self.url}/sso")


@contextlib.contextmanager
def saml_idp(peers: NodePeers, log: Path) -> Iterator[SamlIdp]:
    """Runs one with two keys until the block ends."""
    port, now = free_port(), datetime.now(UTC)
    with httpx.Client(trust_env=False, verify=NO_ROOTS) as client:
        idp = SamlIdp(port, tuple(new_pair(f"key {number}", now=now) for number in (1, 2)), client)
        pairs = [{"key": one.private_pem.decode(), "cert": pem_of(one.certificate)} for one in idp.pairs]
        given = json.dumps({"port": port, "issuer": idp.issuer, "pairs": pairs})
        with running([peers.node, peers.script("saml_idp.mjs"), given], port=port, log=log, env={}):
            yield idp


def pem_of(certificate: str) -> str:
    """A certificate as files hold it."""
    lines = [certificate[start : start + 64] for start in range(0, len(certificate), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def xml_of(answer: str) -> str:
    """An answer's XML."""
    return base64.b64decode(answer).decode()


def answer_with(xml: str) -> str:
    """XML as an answer."""
    return base64.b64encode(xml.encode()).decode()
