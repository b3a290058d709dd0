"""A real identity provider (npm's samlp), us as it knows us, and answers that a browser brings from there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayops.identity.saml import idp_metadata
from gatewayops.identity.saml.parties import IdentityProvider, SigningPair
from gatewayops.identity.saml.signing_pair import new_pair
from gatewayops.testing.node_peers import NodePeers
from gatewayops.testing.saml_idp import SamlIdp, saml_idp

from .visit import Visit

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlIdp]:
    """It runs for the session; what it says is each test's."""
    peers = NodePeers(ROOT / "tests/node_idp", ROOT / ".cache")
    peers.install()
    with saml_idp(peers, tmp_path_factory.mktemp("idp") / "log") as running:
        yield running


@pytest.fixture(scope="session")
def known(idp: SamlIdp) -> IdentityProvider:
    """What we keep of its metadata."""
    return idp_metadata.read(idp.metadata())


@pytest.fixture(scope="session")
def ours() -> SigningPair:
    """What signs our requests."""
    return new_pair("GatewayOps", now=datetime.now(UTC))


@pytest.fixture
def visit(idp: SamlIdp, known: IdentityProvider, ours: SigningPair) -> Visit:
    """One, with a request of its own."""
    return Visit(idp, known, ours)
