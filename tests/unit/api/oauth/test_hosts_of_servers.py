"""The same OAuth server at a host of its own: everything it says and gives is of that host, none of the path."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from joserfc import jws

from gatewayops.api.parts import ControlParts
from gatewayops.store.control.database import Database
from tests.unit.api.oauth import conftest as oauth

DOMAIN = "mcp.example.com"
ISSUER = f"https://notes.{DOMAIN}"


@pytest.fixture
def parts(parts: ControlParts) -> ControlParts:
    return dataclasses.replace(parts, public_url="https://gw.example.com", oauth_domain=DOMAIN)
