"""Every route of the control API is covered by the access policies, and its document says how."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from gatewayops import api
from gatewayops.api.app import create_app
from gatewayops.api.auth import NeedsCaller, check_internal
from gatewayops.api.factors import needs_owner
from gatewayops.api.late_routes import LateRoute
from gatewayops.api.oauth_sign_in import takes_passwords
from gatewayops.api.oauth_state import protected_server
from gatewayops.api.parts import ControlParts
from gatewayops.api.prometheus import check_scraper
from gatewayops.api.required_actions import FIELD, required_actions
from gatewayops.identity.scopes import CONTROL_ACTIONS

PUBLIC = {"/v1/openapi.json", "/docs", "/v1/health", "/v1/ready"}
PROVES_ITSELF = {  # the request itself is what is checked: who cannot sign in yet has no key and no session
    "/v1/auth/sign-in": "a password, with limits",
    "/v1/auth/sign-out": "ends the session that it brings along, else does nothing",
    "/v1/auth/password/reset-request": "answers everybody the same; the link goes to the mailbox",
    "/v1/auth/password/reset": "a one-time link",
    "/v1/auth/invitations/accept": "a one-time link",
    "/v1/auth/sign-in/second-factor": "the token of a first step, and a factor",
    "/v1/auth/sign-in/passkey-options": "a challenge, with limits by address",
    "/v1/auth/sign-in/passkey": "a passkey's answer to it",
}
PAGES = {"/sign-in", "/sign-out", "/setup", "/invitation", "/forgot", "/reset"}  # the same as forms
PAGES |= {  # for who is signed in and holds connections.own: test_upstream_account_attacks.py
    "/connections/callback",
    "/connections/servers/{server}",
    "/connections/client.json",  # our own document, for anybody
}
PAGES |= {
    "/sign-in/agree",
    "/sign-in/passkey",
    "/sign-in/organization",
    "/sign-in/second-factor",
    "/second-factors",
}
PAGES |= {"/assets/passkeys.js"}  # a file of ours, the same for all
PAGES |= {"/sign-in/password", "/sign-in/email"}
PAGES |= {"/sign-in/sso/{provider_id}", "/sign-in/sso/{provider_id}/callback"}  # an attempt of this browser
PAGES |= {"/sign-in/saml/{provider_id}/acs"}  # a signed answer to it: test_saml_providers.py
PAGES |= {"/sign-in/saml/{provider_id}/metadata"}  # our own document, for anybody
OWN = {  # of the caller, whatever they hold; what is others' needs directory.write (test_sessions.py)
    "/v1/auth/session",
    "/v1/auth/sessions",
    "/v1/auth/sessions/{session_id}",
    "/v1/auth/password",
    "/v1/auth/name",
    "/v1/auth/confirm",
    "/v1/auth/organizations",
    "/v1/auth/factors",
    "/v1/auth/factors/totp",
    "/v1/auth/factors/totp/confirm",
    "/v1/auth/factors/passkeys",
    "/v1/auth/factors/passkeys/options",
    "/v1/auth/factors/passkeys/{passkey_id}",
    "/v1/auth/factors/recovery-codes",
}
OPEN = PUBLIC | PROVES_ITSELF.keys() | PAGES
GUARDS = ([check_internal], [check_scraper], [protected_server], [protected_server, takes_passwords])
OPERATIONS = {"get", "put", "post", "patch", "delete", "head", "options"}


def needs_caller(route: APIRoute) -> bool:
    needed = [one.call for one in route.dependant.dependencies]
    return needs_owner in needed or any(isinstance(one, NeedsCaller) for one in needed)


@pytest.fixture
def document(parts: ControlParts) -> dict[str, Any]:
    return create_app(parts).openapi()


def test_every_operation_needs_an_action_that_exists(document: dict[str, Any]) -> None:
    assert len(document["paths"]) > 20
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in OPERATIONS or path in OPEN | OWN:
                continue
            needed = operation.get(FIELD)
            assert needed, f"{method} {path} needs no action: use principal_for"
            assert set(needed) <= set(CONTROL_ACTIONS), f"{method} {path} needs {needed}"
            assert operation["security"], f"{method} {path} takes no key"


async def test_every_operation_turns_away_who_shows_no_key_or_holds_no_action(
    document: dict[str, Any], anyone: httpx.AsyncClient, client_of: Any
) -> None:
    powerless = await client_of("org_default", "tools.call")
    for path, operations in document["paths"].items():
        for method in set(operations) & OPERATIONS if path not in OPEN else ():
            address = path.replace("{", "").replace("}", "")
            for client, expected in ((anyone, 401), (powerless, 403)):
                if client is powerless and path in OWN:
                    continue
                answer = await client.request(method, address)
                assert answer.status_code == expected, f"{method} {path}: {answer.text}"


def test_what_is_not_in_the_document_is_public_for_our_own_roles_for_prometheus_or_for_end_users() -> None:
    modules = [import_module(f"gatewayops.api.{found.name}") for found in iter_modules(api.__path__)]
    routers = [module.router for module in modules if hasattr(module, "router")]
    routes = [(router, route) for router in routers for route in router.routes]
    assert len(routes) > 40
    for router, route in routes:
        assert isinstance(route, LateRoute), f"{route.path}: make its router with LateRouter"
        if required_actions(route) or route.path in OPEN:
            continue
        if route.path in OWN:
            assert needs_caller(route), f"{route.path} is open to everybody"
            continue
        guards = [needed.dependency for needed in router.dependencies]
        assert guards in GUARDS, f"{route.path} is open to everybody"
