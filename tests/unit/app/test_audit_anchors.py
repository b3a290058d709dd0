"""Anchors of the audit log: a file, S3 (moto's server), a webhook (a real one on loopback)."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from gatewayops.app.audit_anchor import AnchorFailed, open_anchors
from gatewayops.base.errors import InvalidInput
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.audit.signing import Signer
from gatewayops.record.audit.verify import read_anchor

CHECKPOINTS = [
    Signer(b"k" * 32).checkpoint(log="org_default", size=size, root=bytes(32), head=bytes(32), at="")
    for size in (5, 9)
]


async def keep(settings: AuditSettings) -> None:
    [anchor] = open_anchors(settings).values()
    for one in CHECKPOINTS:
        await anchor.keep(log=one.log, size=one.size, line=one.line())


async def test_a_file_takes_a_line_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "anchor.jsonl"
    await keep(AuditSettings(anchor_file=str(path)))
    assert list(read_anchor(path)) == CHECKPOINTS


async def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(AnchorFailed, match="Is a directory"):
        await keep(AuditSettings(anchor_file=str(tmp_path)))


class Hook(BaseHTTPRequestHandler):
    """Keeps what it got; answers as the server's `status` says."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers["Idempotency-Key"], json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    server: Any = HTTPServer(("127.0.0.1", 0), Hook)
    server.got, server.status = [], 204
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_webhook_gets_each_checkpoint(hook: Any) -> None:
    await keep(AuditSettings(anchor_webhook=f"http://127.0.0.1:{hook.server_port}/audit"))
    assert [(key, body["size"]) for key, body in hook.got] == [("org_default-5", 5), ("org_default-9", 9)]
    hook.status = 500
    with pytest.raises(AnchorFailed, match="answered 500"):
        await keep(AuditSettings(anchor_webhook=f"http://127.0.0.1:{hook.server_port}/audit"))


async def test_a_webhook_that_is_no_address_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"audit\.anchor_webhook"):
        open_anchors(AuditSettings(anchor_webhook="file:///etc/passwd"))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address that speaks S3, with a bucket `audit`."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="audit")
    yield address
    server.stop()


async def test_s3_takes_an_object_a_checkpoint(s3: str, tmp_path: Path) -> None:
    import boto3

    await keep(AuditSettings(anchor_s3_bucket="audit", anchor_s3_endpoint=s3))
    client = boto3.client("s3", endpoint_url=s3)
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="audit")["Contents"]]
    assert keys == [f"gatewayops-audit/org_default/{size:012d}.json" for size in (5, 9)]
    for key in keys:
        client.download_file("audit", key, str(tmp_path / Path(key).name))
    assert list(read_anchor(tmp_path)) == CHECKPOINTS
    with pytest.raises(AnchorFailed, match="NoSuchBucket"):
        await keep(AuditSettings(anchor_s3_bucket="nowhere", anchor_s3_endpoint=s3))
