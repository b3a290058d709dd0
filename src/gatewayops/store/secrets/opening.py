"""Builds the keyring from the settings. Nobody is asked yet; a missing extra or setting stops the start."""

from collections.abc import Callable
from pathlib import Path

from gatewayops.base.crypto import Sealer, secret_file
from gatewayops.store.secrets.keyring import Keyring
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import MasterKey, Masters
from gatewayops.store.secrets.settings import SecretsSettings


def open_keyring(settings: SecretsSettings, folder: Path) -> Keyring:
    """`folder` is the data directory's `secrets`. Raises ExtraMissing, InvalidInput, MasterKeyUnavailable."""
    makers = _makers(settings, folder)
    in_use = makers[settings.provider]()  # says now what is missing
    masters = Masters(settings.provider, {**makers, settings.provider: lambda: in_use})
    return Keyring(masters, before=Sealer(secret_file(folder / "seal.key")))


def _makers(settings: SecretsSettings, folder: Path) -> dict[str, Callable[[], MasterKey]]:
    """One a provider. SDKs are imported by the one that is made, for they are large."""

    def kms() -> MasterKey:
        from gatewayops.store.secrets.aws import KmsMaster

        return KmsMaster(settings)

    def secrets_manager() -> MasterKey:
        from gatewayops.store.secrets.aws import SecretsManagerMaster

        return SecretsManagerMaster(settings)

    def vault() -> MasterKey:
        from gatewayops.store.secrets.vault import TransitMaster

        return TransitMaster(settings)

    def azure() -> MasterKey:
        from gatewayops.store.secrets.azure import KeyVaultMaster

        return KeyVaultMaster(settings)

    return {
        "local": lambda: LocalMaster(folder),
        "aws_kms": kms,
        "aws_secrets_manager": secrets_manager,
        "vault": vault,
        "azure_key_vault": azure,
    }
