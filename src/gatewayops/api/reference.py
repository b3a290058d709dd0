"""The API's reference, made from the OpenAPI document; it needs no key."""

from html import escape
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from gatewayops.api.late_routes import LateRouter
from gatewayops.api.pages import document

router = LateRouter(include_in_schema=False)

_METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/docs")
async def reference(request: Request) -> HTMLResponse:
    """All operations, by noun."""
    return document("GatewayOps API", _reference(request.app.openapi()))


def _reference(described: dict[str, Any]) -> str:
    sections: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                tag = operation.get("tags", ["Other"])[0]
                sections.setdefault(tag, []).append(_operation(described, method, path, operation))
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
