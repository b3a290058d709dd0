"""The stylesheet and scripts: built at development time (`make assets`), served by name and content.

An address holds the file's digest, so that browsers keep it for good and a new version is another address.
"""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_GOOD = "public, max-age=31536000, immutable"


@cache
def _file(name: str) -> tuple[bytes, bytes, str]:
    """What it holds, the same compressed, and the digest that its address carries."""
    content = (_FOLDER / name).read_bytes()
    return content, gzip.compress(content, mtime=0), hashlib.sha256(content).hexdigest()[:12]


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in _FOLDER.iterdir() if path.suffix in _KINDS)


def address(name: str) -> str:
    """Where pages load it from."""
    return f"/static/{name}?v={_file(name)[2]}"


async def serve(request: Request) -> Response:
    """One of our files; no other name leads to the disk."""
    name = request.path_params["name"]
    if name not in _names():
        return Response("no such file\n", status_code=404, media_type="text/plain")
    content, compressed, digest = _file(name)
    headers = {
        "Cache-Control": _FOR_GOOD if request.query_params.get("v") == digest else "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    kind = _KINDS[Path(name).suffix]
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=kind)
    return Response(content, headers=headers, media_type=kind)
