"""The two pages without a key: what this is, and the API's reference, made from the OpenAPI document."""

from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gatewayops.api.browser import session_cookie
from gatewayops.api.pages import page
from gatewayops.api.parts import Parts
from gatewayops.api.person import signed_in
from gatewayops.identity.user_tokens import form_token
from gatewayops.store.control import directory, user_passwords

router = APIRouter(include_in_schema=False)

_METHODS = ("get", "post", "put", "patch", "delete")

_HOME = """
<p>The control plane for MCP: a gateway that knows who calls, decides whether they may, carries the call,
prices it, records it and shows it.</p>
<ul>
<li><a href="/docs">API reference</a> and its <a href="/v1/openapi.json">OpenAPI document</a></li>
<li>MCP clients connect to <code>/v1/mcp/&lt;server&gt;</code>
with <code>Authorization: Bearer gwo_…</code></li>
<li>Calls and costs: <code>gatewayops trace list</code>, <code>gatewayops cost summary</code></li>
</ul>
"""


@router.get("/")
async def home(request: Request, parts: Parts) -> HTMLResponse:
    """What this is, and who is signed in."""
    token = session_cookie(request)
    found = await signed_in(parts.database, token) if token else None
    if found is None:
        return page("GatewayOps", f'{_HOME}<p><a href="/sign-in">Sign in</a></p>')
    button = (
        f'<form class="inline" method="post" action="/sign-out"><input type="hidden" name="form_token" '
        f'value="{form_token(token)}"><button>Sign out</button></form>'
    )
    async with parts.database.reading() as session:
        known = found.session
        own = await directory.organisation(session, org_id=known.org_id)
        members = await user_passwords.memberships(
            session,
            org_id=known.org_id,
            user_id=known.user_id,
            email=found.email,
            provider_id=known.provider_id,
        )
    others = "".join(
        f'<li><a href="/sign-in?organization={escape(quote(one.slug))}">{escape(one.name)}</a></li>'
        for one in members
        if one.id != known.org_id
    )
    text = f"{_HOME}<p>Signed in as {escape(found.email)} at {escape(own.name)}. {button}</p>"
    text += '<p><a href="/second-factors">Second factors</a></p>'
    text += (
        f"<p>You are known in other organisations too; sign in there:</p><ul>{others}</ul>" if others else ""
    )
    return page("GatewayOps", text, has_form=True)


@router.get("/docs")
async def reference(request: Request) -> HTMLResponse:
    """All operations, by noun."""
    return page("GatewayOps API", _reference(request.app.openapi()))


def _reference(document: dict[str, Any]) -> str:
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                tag = operation.get("tags", ["Other"])[0]
                sections.setdefault(tag, []).append(_operation(document, method, path, operation))
    intro = (
        "<p>Send <code>Authorization: Bearer gwo_…</code>. Errors are "
        "<code>{error, reason, message}</code>. The machine-readable form is "
        '<a href="/v1/openapi.json">/v1/openapi.json</a>.</p>'
    )
    return intro + "".join(f"<h2>{escape(tag)}</h2>{''.join(rows)}" for tag, rows in sections.items())


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    asks = [
        f"{parameter['name']} ({parameter['in']}{', required' if parameter.get('required') else ''})"
        for parameter in operation.get("parameters", ())
    ]
    asks += _fields(document, operation.get("requestBody", {}))
    listed = f"<pre>{escape(chr(10).join(asks))}</pre>" if asks else ""
    description = escape(operation.get("description", operation.get("summary", "")))
    head = f"<summary><b>{method.upper()}</b><code>{escape(path)}</code></summary>"
    return f"<details>{head}<p>{description}</p>{listed}</details>"


def _fields(document: dict[str, Any], request_body: dict[str, Any]) -> list[str]:
    """The body's fields, from the schema that the operation refers to."""
    content = request_body.get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    schema = document.get("components", {}).get("schemas", {}).get(name, {})
    required = schema.get("required", ())
    return [
        f"{field} (body{', required' if field in required else ''})" for field in schema.get("properties", ())
    ]
