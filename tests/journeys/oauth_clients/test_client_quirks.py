"""Today's clients, each with its known ways, replayed from the first 401 on (docs/oauth-clients.md)."""

import base64
import hashlib
import ssl
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from gatewayops.base import clock
from gatewayops.testing.scripted_person import ScriptedPerson

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ALL = "notes:read notes:write"
TLS = ssl.create_default_context()  # one for all: making it reads every root certificate
CLAUDE = "https://claude.ai/api/mcp/auth_callback"
CURSOR = (
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
)
CHATGPT = (
    "https://chatgpt.com/connector/oauth/Zx81_qPLm",
    "https://chatgpt.com/connector_platform_oauth_redirect",
)
CHATGPT_ID, CHATGPT_KEYS = "https://chatgpt.com/oauth/mcp/client.json", "https://chatgpt.com/oauth/jwks.json"
TYPESCRIPT = {
    "client_name": "SDK",
    "redirect_uris": ["http://localhost:3118/callback"],
    "token_endpoint_auth_method": "none",
}


class Replayed:
    """A client of others: discovers as the MCP specification says, keeps every answer of ours."""

    def __init__(self, protected):
        self.url = protected.address
        self.person = ScriptedPerson(f"{protected.name}@example.com")
        self.http = httpx.Client(timeout=30, verify=TLS)
        self.told = []
        hello = self.http.post(self.url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        self.challenge = hello.headers["www-authenticate"]
        self.scope = self.challenge.partition('scope="')[2].rstrip('"')
        resource = self._json(self.http.get(self.challenge.partition('metadata="')[2].partition('"')[0]))
        (issuer,) = resource["authorization_servers"]
        at = urlsplit(issuer)
        well_known = at._replace(path=f"/.well-known/oauth-authorization-server{at.path}").geturl()
        self.server = self._json(self.http.get(well_known))
        assert self.server["issuer"] == issuer

    def register(self, **body):
        answer = self.http.post(self.server["registration_endpoint"], json=body)
        assert answer.status_code == 201, answer.text
        return self._json(answer)

    async def sign_in(self, client_id, redirect_uri, **proof):
        """Tokens, after the person allowed it and was sent to exactly that address."""
        asked = {"response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "state": "s"}
        asked |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "scope": self.scope}
        link = f"{self.server['authorization_endpoint']}?{urlencode(asked | {'resource': self.url})}"
        landed = await self.person.allow(link)
        assert landed.startswith(f"{redirect_uri}?")
        back = dict(parse_qsl(urlsplit(landed).query))
        assert (back["state"], back["iss"]) == ("s", self.server["issuer"])
        form = {"code": back["code"], "code_verifier": VERIFIER, "redirect_uri": redirect_uri}
        answer = self.token("authorization_code", client_id=client_id, **form, **proof)
        assert answer.status_code == 200, answer.text
        return self._json(answer)

    def token(self, grant_type, **form):
        form |= {"grant_type": grant_type, "resource": self.url}
        return self.http.post(self.server["token_endpoint"], data=form)

    def may_call(self, tokens):
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        body = {"tool": "echo", "arguments": {"text": "hi"}}
        return self.http.post(f"{self.url}/tools/call", json=body, headers=headers).status_code == 200

    def _json(self, answer):
        self.told.append(answer.json())
        return self.told[-1]


@pytest.fixture
def client_of(protect):
    """A client that has just been told to sign in."""
    made = []

    def begin(name):
        made.append(Replayed(protect(name)))
        return made[-1]

    yield begin
    for one in made:
        one.http.close()


@pytest.fixture(scope="module")
def chatgpt_key():
    """What ChatGPT signs with; servers keep its public part as long as HTTP says."""
    return ECKey.generate_key("P-256")


async def test_claude_registers_twice_refreshes_without_scope_and_registers_again(client_of, admin):
    claude = client_of("claude")
    about = {"redirect_uris": [CLAUDE], "token_endpoint_auth_method": "client_secret_post"}
    first, second = claude.register(**about), claude.register(**about)
    proof = {"client_secret": second["client_secret"]}
    tokens = await claude.sign_in(second["client_id"], CLAUDE, **proof)
    form = {"client_id": second["client_id"], **proof}
    refreshed = claude.token("refresh_token", refresh_token=tokens["refresh_token"], **form).json()
    assert refreshed["scope"] == tokens["scope"] == ALL
    assert claude.may_call(refreshed)

    for row in admin.get("/v1/servers/claude/clients").json()["clients"]:
        admin.delete(f"/v1/servers/claude/clients/{row['id']}")
    refused = claude.token("refresh_token", refresh_token=refreshed["refresh_token"], **form)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    third = claude.register(**about)
    tokens = await claude.sign_in(third["client_id"], CLAUDE, client_secret=third["client_secret"])
    assert claude.may_call(tokens)
    assert len({first["client_id"], second["client_id"], third["client_id"]}) == 3


@pytest.mark.parametrize("callback", CHATGPT)
async def test_chatgpt_signs_for_the_token_endpoint_and_comes_back_at_either_callback(
    client_of, published, chatgpt_key, callback
):
    chatgpt = client_of(f"chatgpt-{CHATGPT.index(callback)}")
    assert chatgpt.server["client_id_metadata_document_supported"] is True
    key = chatgpt_key
    published[CHATGPT_KEYS] = {"keys": [key.as_dict(private=False)]}
    published[CHATGPT_ID] = {
        "client_id": CHATGPT_ID,
        "client_name": "ChatGPT",
        "redirect_uris": list(CHATGPT),
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": CHATGPT_KEYS,
    }

    def signed(jti):
        claims = {"iss": CHATGPT_ID, "sub": CHATGPT_ID, "aud": chatgpt.server["token_endpoint"]}
        claims |= {"jti": f"{callback}{jti}", "exp": int(clock.unix_s()) + 60}
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {"client_assertion_type": kind, "client_assertion": jwt.encode({"alg": "ES256"}, claims, key)}

    tokens = await chatgpt.sign_in(CHATGPT_ID, callback, **signed("a"))
    refreshed = chatgpt.token("refresh_token", refresh_token=tokens["refresh_token"], **signed("b"))
    assert chatgpt.may_call(refreshed.json())
    unsigned = chatgpt.token("refresh_token", refresh_token=tokens["refresh_token"], client_id=CHATGPT_ID)
    assert (unsigned.status_code, unsigned.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("callback", CURSOR)
async def test_cursor_registers_three_kinds_of_callback_at_once_and_uses_any(client_of, callback):
    cursor = client_of(f"cursor-{CURSOR.index(callback)}")
    known = cursor.register(
        client_name="Cursor", redirect_uris=list(CURSOR), token_endpoint_auth_method="none"
    )
    assert known["redirect_uris"] == list(CURSOR)
    assert cursor.may_call(await cursor.sign_in(known["client_id"], callback))


@pytest.mark.parametrize("callback", ["http://127.0.0.1:51234/", "https://vscode.dev/redirect"])
async def test_vs_code_comes_back_at_a_port_of_the_moment_or_through_its_page(client_of, callback):
    code = client_of(f"vscode-{'page' if 'dev' in callback else 'port'}")
    known = code.register(
        client_name="Visual Studio Code",
        redirect_uris=["http://127.0.0.1:33418/", "http://127.0.0.1/", "https://vscode.dev/redirect"],
        grant_types=[
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        token_endpoint_auth_method="none",
        application_type="native",
    )
    assert code.may_call(await code.sign_in(known["client_id"], callback))


async def test_copilot_cli_registers_without_scope_and_is_granted_what_the_challenge_names(client_of):
    copilot = client_of("copilot")
    about = {"client_name": "GitHub Copilot CLI", "redirect_uris": ["http://127.0.0.1:41999/"]}
    known = copilot.register(**about, token_endpoint_auth_method="none", scope=None)
    assert "scope" not in known
    tokens = await copilot.sign_in(known["client_id"], "http://127.0.0.1:42001/")
    assert (tokens["scope"], copilot.may_call(tokens)) == (ALL, True)


@pytest.mark.parametrize(
    "about",
    [
        TYPESCRIPT,
        TYPESCRIPT | {"token_endpoint_auth_method": "client_secret_post"},
        TYPESCRIPT | {"client_name": None, "scope": None, "client_uri": None, "logo_uri": None},
    ],
    ids=["public", "with a secret", "members without a value"],
)
async def test_typescript_sdk_clients_find_no_null_in_any_answer(client_of, about):
    sdk = client_of(f"typescript-{len(about)}-{about['token_endpoint_auth_method'][-4:]}")
    known = sdk.register(**about)
    proof = {"client_secret": known["client_secret"]} if "client_secret" in known else {}
    await sdk.sign_in(known["client_id"], known["redirect_uris"][0], **proof)

    assert len(sdk.told) == 4
    for answer in sdk.told:
        assert None not in answer.values(), answer
