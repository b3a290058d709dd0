"""Every provider of the master key, each as near to the real one as can be had here."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from azure.core.credentials import AccessToken
from moto.server import ThreadedMotoServer

from gatewayops.store.secrets.aws import KmsMaster, SecretsManagerMaster
from gatewayops.store.secrets.azure import KeyVaultMaster
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import MasterKey
from gatewayops.store.secrets.settings import SecretsSettings
from gatewayops.store.secrets.vault import TransitMaster
from gatewayops.testing.fake_key_vault import FakeKeyVault, fake_key_vault
from gatewayops.testing.fake_vault import FakeVault, fake_vault

Settings = Callable[..., SecretsSettings]


class AnyToken:
    """An Azure credential that needs no Azure."""

    def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken("a-token", int(time.time()) + 3600)


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Amazon's services as moto plays them, over loopback HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> SecretsSettings:
    """Settings with a KMS key and a secret without a value."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    options = {"region_name": "eu-central-1", "endpoint_url": moto_url}
    key_id = boto3.client("kms", **options).create_key()["KeyMetadata"]["KeyId"]
    secret = boto3.client("secretsmanager", **options).create_secret(Name=f"gatewayops-{key_id}")
    return SecretsSettings(
        aws_region="eu-central-1",
        aws_endpoint_url=moto_url,
        aws_kms_key_id=key_id,
        aws_secret_id=secret["ARN"],
    )


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    """Vault's transit engine."""
    with fake_vault() as running:
        yield running


@pytest.fixture
def key_vault(tmp_path: Path) -> Iterator[FakeKeyVault]:
    """Azure's vault."""
    with fake_key_vault(tmp_path) as running:
        yield running


@pytest.fixture
def transit(vault: FakeVault) -> TransitMaster:
    """A client of Vault."""
    return TransitMaster(SecretsSettings(vault_url=vault.url, vault_token=vault.token))


@pytest.fixture
def azure(key_vault: FakeKeyVault) -> KeyVaultMaster:
    """A client of Azure's vault, which trusts its certificate."""
    return azure_client(key_vault)


def azure_client(key_vault: FakeKeyVault) -> KeyVaultMaster:
    """The vault is not below vault.azure.net, so that check of the SDK is off."""
    settings = SecretsSettings(azure_vault_url=key_vault.url)
    return KeyVaultMaster(
        settings, AnyToken(), connection_verify=str(key_vault.certificate), verify_challenge_resource=False
    )


@pytest.fixture(params=["local", "kms", "secrets_manager", "vault", "azure"])
def master(request: pytest.FixtureRequest, tmp_path: Path) -> MasterKey:
    """One after the other."""
    match request.param:
        case "local":
            return LocalMaster(tmp_path / "secrets")
        case "kms":
            return KmsMaster(request.getfixturevalue("aws"))
        case "secrets_manager":
            return SecretsManagerMaster(request.getfixturevalue("aws"))
        case "vault":
            return request.getfixturevalue("transit")
        case _:
            return request.getfixturevalue("azure")
