"""The master key in Azure Key Vault: an RSA key whose private half never leaves it."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gatewayops.base.crypto import SealBroken
from gatewayops.store.secrets.master import MasterKeyUnavailable, Wrapped, need, need_setting
from gatewayops.store.secrets.settings import SecretsSettings

_KEY_BYTES = 32
_NOT_OPENED = (400, 422)


class KeyVaultMaster:
    """An RSA key of 2048 bits or more, wrapping with RSA-OAEP-256. A version is `name/version`.

    Needs keys/get, wrapKey, unwrapKey, and rotate to rotate. RSA binds to no place: a hash of it is wrapped
    along. Whoever has the public half can wrap: who may write to the control store is trusted in this.
    """

    def __init__(self, settings: SecretsSettings, credential: Any = None, **options: Any) -> None:  # noqa: ANN401 - the SDK's own
        """`credential`: DefaultAzureCredential unless given; `options` go to the SDK's clients.

        Raises ExtraMissing, InvalidInput.
        """
        provider = "azure_key_vault"
        need("azure.keyvault.keys", extra="azure", provider=provider)
        need("azure.identity", extra="azure", provider=provider)
        from azure.identity import DefaultAzureCredential
        from azure.keyvault.keys import KeyClient

        self._url = need_setting(settings.azure_vault_url, "azure_vault_url", provider=provider)
        self._name = need_setting(settings.azure_key, "azure_key", provider=provider)
        self._credential = credential or DefaultAzureCredential()
        limits = {
            "connection_timeout": settings.timeout_s,
            "read_timeout": settings.timeout_s,
            "retry_total": 1,
        }
        self._options = {**limits, **options}
        try:
            self._keys = KeyClient(self._url, self._credential, **self._options)
        except ValueError as error:
            msg = "secrets.azure_vault_url: not the address of a vault"
            raise MasterKeyUnavailable(msg) from error

    def newest(self) -> str:
        """The key's newest version."""
        with _asking():
            return self._version(self._keys.get_key(self._name))

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        """By the public half, here or there."""
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm

        with _asking():
            newest = self._keys.get_key(self._name)
            told = self._crypto(newest).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, key + _hash(place))
        return Wrapped(self._version(newest), told.encrypted_key)

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        """Within the vault, by the version that wrapped it."""
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm

        name, _, version = wrapped.version.partition("/")
        with _asking(is_opening=True):
            crypto = self._crypto(f"{self._url.rstrip('/')}/keys/{name}/{version}")
            plain = crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.blob).key
        key, found = plain[:_KEY_BYTES], plain[_KEY_BYTES:]
        if not hmac.compare_digest(found, _hash(place)):
            msg = "a data key was moved from another place"
            raise SealBroken(msg)
        return bytes(key)

    def rotate(self) -> str:
        """A new version of the key."""
        with _asking():
            return self._version(self._keys.rotate_key(self._name))

    def _version(self, key: Any) -> str:  # noqa: ANN401 - a KeyVaultKey
        return f"{key.name}/{key.properties.version}"

    def _crypto(self, key: Any) -> Any:  # noqa: ANN401 - a KeyVaultKey or its id
        from azure.keyvault.keys.crypto import CryptographyClient

        return CryptographyClient(key, self._credential, **self._options)


@contextmanager
def _asking(*, is_opening: bool = False) -> Iterator[None]:
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        if is_opening and error.status_code in _NOT_OPENED:
            msg = "Azure Key Vault does not open a data key: it was changed"
            raise SealBroken(msg) from error
        msg = f"Azure Key Vault refuses: {error.status_code or type(error).__name__}"
        raise MasterKeyUnavailable(msg) from error
    except AzureError as error:
        msg = f"Azure Key Vault does not answer: {type(error).__name__}"
        raise MasterKeyUnavailable(msg) from error


def _hash(place: str) -> bytes:
    return hashlib.sha256(place.encode()).digest()
