"""A stand-in for GitHub's sign-in: the OAuth endpoints and two routes of the API, over loopback.

GitHub cannot be reached from where tests run. Paths, bodies and errors are those of its documentation
("Authorizing OAuth apps", "REST API endpoints for emails"), under the addresses of an Enterprise Server. It
differs from GitHub in this: whoever comes to /authorize is signed in and agrees at once, any redirect_uri is
taken, tokens do not expire, there is one app, and there are no limits of rate.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

CLIENT_ID = "Iv1.gatewayops"
CLIENT_SECRET = "only the app knows this"  # noqa: S105 - opens the fake only


class FakeGitHub:
    """`user` and `emails` are what its API tells of the one person there; `tokens` those that it gave."""

    def __init__(self, url: str) -> None:
        """Ada, with one verified address."""
        self.url = url
        self.user: dict[str, Any] = {"id": 583231, "login": "ada", "name": "Ada Lovelace"}
        self.emails: list[dict[str, Any]] = [_email("ada@example.com", primary=True, verified=True)]
        self.tokens: set[str] = set()
        self._codes: dict[str, dict[str, str]] = {}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent: back, with a code."""
        code = secrets.token_hex(10)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def exchange(self, form: dict[str, str]) -> dict[str, str]:
        """A token for a code, once; refusals come with status 200, as GitHub's do."""
        begun = self._codes.pop(form.get("code", ""), None)
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return {"error": "incorrect_client_credentials"}
        if begun is None or begun["redirect_uri"] != form.get("redirect_uri"):
            return {"error": "bad_verification_code"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != begun["code_challenge"]:
            return {"error": "bad_verification_code"}
        token = f"gho_{secrets.token_hex(18)}"
        self.tokens.add(token)
        return {"access_token": token, "token_type": "bearer", "scope": begun["scope"].replace(" ", ",")}

    def api(self, path: str, authorization: str) -> tuple[int, Any]:
        """Status and body of the API."""
        if authorization.removeprefix("Bearer ") not in self.tokens:
            return 401, {"message": "Bad credentials"}
        return {"/api/v3/user": (200, self.user), "/api/v3/user/emails": (200, self.emails)}.get(
            path, (404, {"message": "Not Found"})
        )


@contextmanager
def fake_github() -> Iterator[FakeGitHub]:
    """A running one, on a port of its own."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/login/oauth/authorize":
                self.send_response(302)
                self.send_header("Location", github.authorize(dict(parse_qsl(parts.query))))
                self.end_headers()
                return
            self._say(*github.api(parts.path, self.headers.get("Authorization", "")))

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._say(200, github.exchange(dict(parse_qsl(raw))))

        def _say(self, status: int, content: Any) -> None:  # noqa: ANN401 - JSON of any kind
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    github = FakeGitHub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _email(address: str, *, primary: bool, verified: bool) -> dict[str, Any]:
    return {"email": address, "primary": primary, "verified": verified, "visibility": None}
