"""Places outside of this installation that keep signed checkpoints: a file, an S3 store, a webhook.

Whoever changes the audit log afterwards would have to change these too. `gatewayops audit verify --anchor`
reads the file, or a folder of the objects.
"""

import asyncio
import importlib.util
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from gatewayops.base.errors import InvalidInput, Unavailable
from gatewayops.record.audit.notary import Anchor
from gatewayops.record.audit.settings import AuditSettings

_TIMEOUT_S = 15.0


class AnchorFailed(Unavailable):
    """The anchor did not take a checkpoint; it is tried again."""


def open_anchors(settings: AuditSettings) -> dict[str, Anchor]:
    """Those that the settings name. Raises InvalidInput where what one needs is not installed."""
    found: dict[str, Anchor] = {}
    if settings.anchor_file:
        found["file"] = FileAnchor(Path(settings.anchor_file))
    if settings.anchor_s3_bucket:
        found["s3"] = S3Anchor(
            settings.anchor_s3_bucket, prefix=settings.anchor_s3_prefix, endpoint=settings.anchor_s3_endpoint
        )
    if settings.anchor_webhook:
        found["webhook"] = WebhookAnchor(settings.anchor_webhook)
    return found


class FileAnchor:
    """Appends a line to a file, which best lies on another machine's disk, or on one that only takes
    appends.
    """

    def __init__(self, path: Path) -> None:
        """The file is made when it is not there, with its folder."""
        self._path = path

    async def keep(self, *, log: str, size: int, line: str) -> None:
        """On disk when it returns. Raises AnchorFailed."""
        del log, size
        try:
            await asyncio.to_thread(self._append, f"{line}\n".encode())
        except OSError as error:
            msg = f"{self._path}: {error.strerror}"
            raise AnchorFailed(msg) from error

    def _append(self, raw: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, raw)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class S3Anchor:
    """An object a checkpoint, `PREFIX/LOG/SIZE.json`; best in a bucket with Object Lock.

    Credentials come as boto3 finds them: environment, shared files, or the machine's role.
    """

    def __init__(self, bucket: str, *, prefix: str, endpoint: str = "") -> None:
        """Raises InvalidInput without the extra `aws`; connects when it is first used."""
        if importlib.util.find_spec("boto3") is None:
            msg = "audit.anchor_s3_bucket: needs boto3; install gatewayops[aws]"
            raise InvalidInput(msg)
        self._client: Any = None
        self._endpoint = endpoint
        self._bucket = bucket
        self._prefix = prefix.strip("/")

    async def keep(self, *, log: str, size: int, line: str) -> None:
        """Raises AnchorFailed."""
        key = "/".join(part for part in (self._prefix, quote(log, safe=""), f"{size:012d}.json") if part)
        await asyncio.to_thread(self._put, key, line.encode())

    def _put(self, key: str, raw: bytes) -> None:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client = self._client or boto3.client("s3", endpoint_url=self._endpoint or None)
            self._client.put_object(Bucket=self._bucket, Key=key, Body=raw, ContentType="application/json")
        except (BotoCoreError, ClientError) as error:
            msg = f"s3://{self._bucket}/{key}: {error}"
            raise AnchorFailed(msg) from error


class WebhookAnchor:
    """Sends each checkpoint by POST, as JSON; any 2xx means that it is kept."""

    def __init__(self, url: str) -> None:
        """Raises InvalidInput for what is no URL of the web."""
        if httpx.URL(url).scheme not in ("http", "https"):
            msg = "audit.anchor_webhook: begins with https:// or http://"
            raise InvalidInput(msg)
        self._url = url

    async def keep(self, *, log: str, size: int, line: str) -> None:
        """Raises AnchorFailed."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{log}-{size}"}
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
                answer = await client.post(self._url, content=line.encode(), headers=headers)
        except httpx.HTTPError as error:
            msg = f"the webhook does not answer ({type(error).__name__})"
            raise AnchorFailed(msg) from error
        if not answer.is_success:
            msg = f"the webhook answered {answer.status_code}"
            raise AnchorFailed(msg)
