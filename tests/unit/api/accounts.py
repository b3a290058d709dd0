"""People for the tests of sign-in: users with passwords, their sessions, and the mail that they get."""

import re
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "four unrelated words here"


async def user(admin: httpx.AsyncClient, email: str = "ada@example.com", role: str = "") -> dict[str, Any]:
    """A user with the password, and the role if one is given."""
    made = await admin.post("/v1/users", json={"email": email, "name": "Ada"})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()["user"]
    done = await admin.put(f"/v1/users/{found['id']}/password", json={"password": PASSWORD})
    assert done.status_code == 204, done.text
    if role:
        await bind(admin, role, found["id"])
    return found


async def bind(admin: httpx.AsyncClient, role: str, user_id: str) -> str:
    """Gives the role; the binding's path."""
    body = {"subject_kind": "user", "subject": user_id}
    bound = await admin.post(f"/v1/roles/{role}/bindings", json=body)
    assert bound.status_code == 201, bound.text
    return f"/v1/roles/{role}/bindings/{bound.json()['binding']['id']}"


async def sign_in(client: httpx.AsyncClient, email: str = "ada@example.com", **more: Any) -> httpx.Response:
    """With the right password, unless `password` says otherwise; `from_` is the address it comes from."""
    from_ = more.pop("from_", "203.0.113.7")
    body = {"email": email, "password": PASSWORD, **more}
    return await client.post("/v1/auth/sign-in", json=body, headers={"X-Forwarded-For": from_})


async def token(client: httpx.AsyncClient, email: str = "ada@example.com") -> str:
    """A new session's; the client keeps no cookie of it."""
    answer = await sign_in(client, email)
    assert answer.status_code == 200, answer.text
    client.cookies.clear()
    return str(answer.json()["token"])


def mailed(outbox: Path, *known: str) -> list[str]:
    """The tokens in the mail that left but for those that are known; files do not tell which came first."""
    found = outbox.glob("*.eml")
    texts = [message_from_bytes(path.read_bytes()).get_payload(decode=True).decode() for path in found]
    tokens = [found for text in texts for found in re.findall(r"gwl_\w+", text)]
    return [token for token in tokens if token not in known]
