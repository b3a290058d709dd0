"""What every provider of the master key must do, and how each says no."""

import os
import sys
from pathlib import Path

import msgspec
import pytest

from gatewayops.base.crypto import SealBroken
from gatewayops.base.errors import InvalidInput
from gatewayops.store.secrets.aws import KmsMaster, SecretsManagerMaster
from gatewayops.store.secrets.azure import KeyVaultMaster
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import ExtraMissing, MasterKey, MasterKeyUnavailable, Wrapped
from gatewayops.store.secrets.opening import open_keyring
from gatewayops.store.secrets.settings import SecretsSettings
from gatewayops.store.secrets.vault import TransitMaster
from gatewayops.testing.fake_key_vault import FakeKeyVault
from gatewayops.testing.fake_vault import FakeVault

KEY = os.urandom(32)
PLACE = "data-key:org_a:dk_1"


class TestEveryProvider:
    def test_opens_what_it_wrapped(self, master: MasterKey) -> None:
        wrapped = master.wrap(KEY, place=PLACE)
        assert wrapped.version == master.newest()
        assert KEY not in wrapped.blob
        assert master.unwrap(wrapped, place=PLACE) == KEY

    def test_opens_at_its_place_only(self, master: MasterKey) -> None:
        wrapped = master.wrap(KEY, place=PLACE)
        with pytest.raises(SealBroken):
            master.unwrap(wrapped, place="data-key:org_b:dk_1")

    def test_opens_nothing_that_was_changed(self, master: MasterKey) -> None:
        wrapped = master.wrap(KEY, place=PLACE)
        changed = Wrapped(
            wrapped.version, wrapped.blob[:-3] + bytes((wrapped.blob[-3] ^ 1,)) + wrapped.blob[-2:]
        )
        with pytest.raises(SealBroken):
            master.unwrap(changed, place=PLACE)

    def test_rotation_wraps_anew_and_still_opens_what_was_before(self, master: MasterKey) -> None:
        before = master.wrap(KEY, place=PLACE)
        version = master.rotate()
        assert version == master.newest() != before.version
        after = master.wrap(KEY, place=PLACE)
        assert after.version == version
        assert master.unwrap(before, place=PLACE) == master.unwrap(after, place=PLACE) == KEY


def test_local_keys_are_files_of_their_owner_and_a_lost_one_is_named(tmp_path: Path) -> None:
    master = LocalMaster(tmp_path)
    wrapped = master.wrap(KEY, place=PLACE)
    path = tmp_path / "master-1.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    with pytest.raises(MasterKeyUnavailable, match=r"master-1\.key"):
        master.unwrap(wrapped, place=PLACE)
    assert not path.exists(), "a lost key is not made anew"
    with pytest.raises(MasterKeyUnavailable):
        master.unwrap(Wrapped("../../etc/1", b""), place=PLACE)


def test_secrets_manager_keeps_versions_by_labels_of_their_own(aws: SecretsSettings) -> None:
    master = SecretsManagerMaster(aws)
    first = master.wrap(KEY, place=PLACE)
    for _ in range(3):
        master.rotate()
    stages = master._client.describe_secret(SecretId=aws.aws_secret_id)["VersionIdsToStages"]
    newest = stages[master.newest()]  # moto, unlike AWS, takes all labels from the version before
    assert any(label.startswith("gatewayops-") for label in newest)
    assert SecretsManagerMaster(aws).unwrap(first, place=PLACE) == KEY


def test_a_secret_that_is_no_key_is_refused(aws: SecretsSettings) -> None:
    master = SecretsManagerMaster(aws)
    master._client.put_secret_value(SecretId=aws.aws_secret_id, SecretString="a password")
    with pytest.raises(MasterKeyUnavailable, match="32 bytes"):
        master.wrap(KEY, place=PLACE)


def test_what_aws_refuses_is_said_by_its_code(aws: SecretsSettings) -> None:
    unknown = msgspec.structs.replace(aws, aws_kms_key_id="alias/nowhere", aws_secret_id="nowhere")
    with pytest.raises(MasterKeyUnavailable, match="NotFoundException"):
        KmsMaster(unknown).newest()
    with pytest.raises(MasterKeyUnavailable, match="ResourceNotFoundException"):
        SecretsManagerMaster(unknown).newest()


def test_vault_takes_its_token_from_a_file_each_time(vault: FakeVault, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of yesterday\n")
    settings = SecretsSettings(vault_url=vault.url, vault_token_file=str(token))
    master = TransitMaster(settings)
    with pytest.raises(MasterKeyUnavailable, match="Forbidden"):
        master.newest()
    token.write_text(vault.token + "\n")
    assert master.newest() == "transit/gatewayops#1"
    token.unlink()
    with pytest.raises(MasterKeyUnavailable, match="vault_token_file"):
        master.newest()


def test_a_transit_key_that_is_not_there_is_refused(vault: FakeVault) -> None:
    master = TransitMaster(SecretsSettings(vault_url=vault.url, vault_token=vault.token, vault_key="other"))
    for ask in (master.newest, master.rotate, lambda: master.wrap(KEY, place=PLACE)):
        with pytest.raises(MasterKeyUnavailable, match="Vault refuses"):
            ask()


def test_what_azure_refuses_is_said_by_its_status(azure: KeyVaultMaster, key_vault: FakeKeyVault) -> None:
    wrapped = azure.wrap(KEY, place=PLACE)
    key_vault.is_denied = True
    for ask in (azure.newest, azure.rotate, lambda: azure.unwrap(wrapped, place=PLACE)):
        with pytest.raises(MasterKeyUnavailable, match="403"):
            ask()


NOWHERE = {
    "aws_kms": SecretsSettings(
        aws_region="eu-central-1", aws_endpoint_url="http://127.0.0.1:9", aws_kms_key_id="k", timeout_s=0.5
    ),
    "aws_secrets_manager": SecretsSettings(
        aws_region="eu-central-1", aws_endpoint_url="http://127.0.0.1:9", aws_secret_id="s", timeout_s=0.5
    ),
    "vault": SecretsSettings(vault_url="http://127.0.0.1:9", vault_token="t", timeout_s=0.5),
}


@pytest.mark.parametrize("provider", NOWHERE)
def test_a_provider_that_does_not_answer_is_unavailable(
    provider: str, aws: SecretsSettings, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(NOWHERE[provider], provider=provider)
    keyring = open_keyring(settings, tmp_path)
    with pytest.raises(MasterKeyUnavailable, match="does not answer"):
        keyring.new_key("org_a")


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ("aws_kms", "aws_kms_key_id"),
        ("aws_secrets_manager", "aws_secret_id"),
        ("vault", "vault_url"),
        ("azure_key_vault", "azure_vault_url"),
    ],
)
def test_a_setting_that_is_missing_stops_the_start(provider: str, field: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=rf"secrets\.{field}"):
        open_keyring(SecretsSettings(provider=provider), tmp_path)


@pytest.mark.parametrize(
    ("provider", "module", "extra"),
    [
        ("aws_kms", "boto3", "aws"),
        ("aws_secrets_manager", "boto3", "aws"),
        ("vault", "hvac", "vault"),
        ("azure_key_vault", "azure.keyvault.keys", "azure"),
    ],
)
def test_an_extra_that_is_missing_stops_the_start(
    provider: str, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hidden:
        """As if it were not installed."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == module or name.startswith(f"{module}."):
                raise ModuleNotFoundError(name)

    for name in list(sys.modules):
        if name == module or name.startswith(f"{module}."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
    settings = SecretsSettings(
        provider=provider,
        aws_kms_key_id="k",
        aws_secret_id="s",
        vault_url="http://v",
        azure_vault_url="https://v",
    )
    with pytest.raises(ExtraMissing, match=rf"gatewayops\[{extra}\]"):
        open_keyring(settings, tmp_path)
