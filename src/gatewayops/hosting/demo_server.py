"""The demo server: a small real MCP server on the official SDK, for both protocol eras.

`gatewayops up --demo` runs it behind the gateway, so that the first call works before anything is
registered. It listens on loopback only and reads nothing outside its own folder.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

import gatewayops

_STEP_S = 0.25
_MAX_ENTRIES = 200
_READS_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False, idempotent_hint=True)

_FILES = {
    "README.md": "These files belong to the demo server of GatewayOps. Change them as you like.\n",
    "notes/first-call.md": "Call the tool `echo`, then look at `gatewayops trace list`.\n",
    "notes/second-call.md": "Call the tool `fail`: the trace says that the tool failed, and why.\n",
}


class Entry(BaseModel):
    """A file or folder of the demo."""

    name: str
    kind: str
    size_bytes: int


def demo_server(files: Path) -> MCPServer:
    """The server over `files`, which is made, with a few files in it, when it is not there."""
    if not files.exists():
        _write_files(files)
    root = files.resolve()
    server = MCPServer(
        "gatewayops-demo", title="GatewayOps demo", version=gatewayops.__version__, log_level="WARNING",
        instructions="A playground: echo, add, slow, fail, and a listing of a small folder.",
    )  # fmt: skip
    server.tool(annotations=_READS_ONLY)(echo)
    server.tool(annotations=_READS_ONLY)(add)
    server.tool(annotations=_READS_ONLY)(slow)
    server.tool(annotations=_READS_ONLY)(fail)

    @server.tool(annotations=_READS_ONLY)
    def list_files(path: str = ".") -> list[Entry]:
        """List a folder of the demo's files. Nothing outside that folder can be reached."""
        return entries(root, path)

    @server.resource("demo://readme", mime_type="text/markdown")
    def readme() -> str:
        """What the demo server is."""
        return (root / "README.md").read_text(encoding="utf-8")

    @server.prompt()
    def review(subject: str) -> str:
        """Ask for a short review of something."""
        return f"Review {subject} in three sentences: what it does well, what it lacks, what to do next."

    return server


def echo(text: str) -> str:
    """Answer with the same text."""
    return text


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


async def slow(seconds: Annotated[float, Field(ge=0, le=30)], context: Context) -> str:
    """Take some seconds, and report progress meanwhile."""
    steps = max(1, round(seconds / _STEP_S))
    for step in range(steps):
        await context.report_progress(step, steps, f"step {step} of {steps}")
        await asyncio.sleep(seconds / steps)
    await context.report_progress(steps, steps, "done")
    return f"took {seconds:g} s"


def fail(message: str = "this tool always fails") -> str:
    """Fail with the message that is given."""
    raise ToolError(message)


def entries(root: Path, path: str) -> list[Entry]:
    """What is in the folder `path` below `root`; raises ToolError for anything that leads outside."""
    folder = (root / path.lstrip("/")).resolve()
    if not folder.is_relative_to(root):
        msg = f"{path} is outside the demo's folder"
        raise ToolError(msg)
    if not folder.is_dir():
        msg = f"{path} is not a folder"
        raise ToolError(msg)
    found = sorted(folder.iterdir())[:_MAX_ENTRIES]
    return [_entry(item) for item in found if item.resolve().is_relative_to(root)]


def run(*, port: int, files: Path) -> None:
    """Serves at `/mcp` on loopback until SIGTERM or SIGINT."""
    app = demo_server(files).streamable_http_app()
    uvicorn.run(
        app, host="127.0.0.1", port=port, access_log=False, log_config=None, timeout_graceful_shutdown=1
    )


def _entry(item: Path) -> Entry:
    return Entry(name=item.name, kind="folder" if item.is_dir() else "file", size_bytes=item.stat().st_size)


def _write_files(files: Path) -> None:
    for name, text in _FILES.items():
        path = files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
