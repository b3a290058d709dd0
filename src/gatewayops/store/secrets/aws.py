"""The master key with AWS: a KMS key that never leaves it, or versions of a secret in Secrets Manager."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gatewayops.base.crypto import SealBroken, Sealer
from gatewayops.store.secrets.master import MasterKeyUnavailable, Wrapped, need, need_setting
from gatewayops.store.secrets.settings import SecretsSettings

_ROTATION_WAIT_S = 30.0
_ASK_S = 1.0
_CURRENT = "AWSCURRENT"


class KmsMaster:
    """A symmetric KMS key. A version is the key's ARN and how often its material was rotated.

    Needs kms:Encrypt, Decrypt, DescribeKey, ListKeyRotations, and RotateKeyOnDemand to rotate. The place goes
    along as encryption context, so CloudTrail shows whose key was opened.
    """

    def __init__(self, settings: SecretsSettings) -> None:
        """Raises ExtraMissing, InvalidInput."""
        self._key_id = need_setting(settings.aws_kms_key_id, "aws_kms_key_id", provider="aws_kms")
        self._client = _client("kms", settings, provider="aws_kms")

    def newest(self) -> str:
        """ARN and number of rotations."""
        with _asking("AWS KMS"):
            arn = self._client.describe_key(KeyId=self._key_id)["KeyMetadata"]["Arn"]
            return f"{arn}#{self._rotations()}"

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        """Within KMS."""
        version = self.newest()
        with _asking("AWS KMS"):
            told = self._client.encrypt(KeyId=self._key_id, Plaintext=key, EncryptionContext=_context(place))
        return Wrapped(version, told["CiphertextBlob"])

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        """Within KMS, by the key that the version names and no other."""
        arn = wrapped.version.rpartition("#")[0]
        with _asking("AWS KMS", is_opening=True):
            told = self._client.decrypt(
                KeyId=arn, CiphertextBlob=wrapped.blob, EncryptionContext=_context(place)
            )
        return bytes(told["Plaintext"])

    def rotate(self) -> str:
        """New material for the same key, on demand. AWS takes some seconds, and allows it a few times."""
        with _asking("AWS KMS"):
            before = self._rotations()
            self._client.rotate_key_on_demand(KeyId=self._key_id)
            give_up_at = time.monotonic() + _ROTATION_WAIT_S
            while self._rotations() == before:
                if time.monotonic() > give_up_at:
                    msg = "AWS KMS has not finished rotating the key; run the command again in a minute"
                    raise MasterKeyUnavailable(msg)
                time.sleep(_ASK_S)
        return self.newest()

    def _rotations(self) -> int:
        count, marker = 0, ""
        while True:
            more = {"Marker": marker} if marker else {}
            told = self._client.list_key_rotations(KeyId=self._key_id, **more)
            count += len(told["Rotations"])
            if not told.get("Truncated"):
                return count
            marker = told["NextMarker"]


class SecretsManagerMaster:
    """A secret whose versions are 32-byte keys; wrapping happens here, under the current one.

    Needs secretsmanager:GetSecretValue, DescribeSecret, and PutSecretValue to rotate and for the first key.
    """

    def __init__(self, settings: SecretsSettings) -> None:
        """Raises ExtraMissing, InvalidInput."""
        provider = "aws_secrets_manager"
        self._secret_id = need_setting(settings.aws_secret_id, "aws_secret_id", provider=provider)
        self._client = _client("secretsmanager", settings, provider=provider)
        self._sealers: dict[str, Sealer] = {}

    def newest(self) -> str:
        """The id of the version that carries AWSCURRENT; a secret without a value gets its first key."""
        with _asking("AWS Secrets Manager"):
            told = self._client.describe_secret(SecretId=self._secret_id)
        for version, stages in told.get("VersionIdsToStages", {}).items():
            if _CURRENT in stages:
                return str(version)
        return self.rotate()

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        """AES-256-GCM, bound to the place."""
        version = self.newest()
        return Wrapped(version, self._sealer(version).seal(key, bound_to=place.encode()))

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        """By the version that wrapped it."""
        return self._sealer(wrapped.version).open(wrapped.blob, bound_to=place.encode())

    def rotate(self) -> str:
        """A new random version. A label of its own keeps AWS from dropping it once it is not current."""
        key = os.urandom(32)
        label = f"gatewayops-{hashlib.sha256(key).hexdigest()[:16]}"
        with _asking("AWS Secrets Manager"):
            told = self._client.put_secret_value(
                SecretId=self._secret_id, SecretBinary=key, VersionStages=[_CURRENT, label]
            )
        return str(told["VersionId"])

    def _sealer(self, version: str) -> Sealer:
        if version not in self._sealers:
            with _asking("AWS Secrets Manager"):
                told = self._client.get_secret_value(SecretId=self._secret_id, VersionId=version)
            try:
                self._sealers[version] = Sealer(told.get("SecretBinary", b""))
            except ValueError as error:
                msg = f"secrets.aws_secret_id: version {version} of that secret is no key of 32 bytes"
                raise MasterKeyUnavailable(msg) from error
        return self._sealers[version]


def _client(service: str, settings: SecretsSettings, *, provider: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    need("boto3", extra="aws", provider=provider)
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    limits = Config(
        connect_timeout=settings.timeout_s, read_timeout=settings.timeout_s, retries={"max_attempts": 2}
    )
    try:
        return boto3.client(
            service,
            region_name=settings.aws_region or None,
            endpoint_url=settings.aws_endpoint_url or None,
            config=limits,
        )
    except (BotoCoreError, ValueError) as error:
        msg = f"secrets.provider: {provider} cannot be used: {error}"
        raise MasterKeyUnavailable(msg) from error


@contextmanager
def _asking(who: str, *, is_opening: bool = False) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if is_opening and code in ("InvalidCiphertextException", "IncorrectKeyException"):
            msg = f"{who} does not open a data key: changed, or moved to another place"
            raise SealBroken(msg) from error
        msg = f"{who} refuses: {code}"
        raise MasterKeyUnavailable(msg) from error
    except BotoCoreError as error:
        msg = f"{who} does not answer: {type(error).__name__}"
        raise MasterKeyUnavailable(msg) from error


def _context(place: str) -> dict[str, str]:
    return {"gatewayops": place}
