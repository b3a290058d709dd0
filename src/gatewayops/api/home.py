"""The two pages without a key: what this is, and the API's reference, made from the OpenAPI document.

No script, no request to anywhere else: the policy in the answer allows this page's own style only.
"""

import base64
import hashlib
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
code,pre{font:14px/1.5 ui-monospace,monospace}pre{background:#f4f5f7;padding:.75rem;overflow:auto}
h2{margin-top:2.5rem;border-bottom:1px solid #d5d9df}
summary{cursor:pointer}b{display:inline-block;width:4.5rem}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#dfe3e8}pre{background:#22272c}a{color:#7ab8ff}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
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
async def home() -> HTMLResponse:
    """What this is."""
    return _page("GatewayOps", _HOME)


@router.get("/docs")
async def reference(request: Request) -> HTMLResponse:
    """All operations, by noun."""
    return _page("GatewayOps API", _reference(request.app.openapi()))


def _page(title: str, body: str) -> HTMLResponse:
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    content = f"<h1>{escape(title)}</h1>{body}"
    html = f'<!doctype html><html lang="en"><head>{head}</head><body>{content}</body></html>'
    return HTMLResponse(html, headers=_HEADERS)


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
