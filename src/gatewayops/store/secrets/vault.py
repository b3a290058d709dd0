"""The master key with HashiCorp Vault or OpenBao: a key of the transit engine, which never leaves it."""

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gatewayops.base.crypto import SealBroken
from gatewayops.store.secrets.master import MasterKeyUnavailable, Wrapped, need, need_setting
from gatewayops.store.secrets.settings import SecretsSettings

_CIPHERTEXT = re.compile(r"vault:v([0-9]+):.+")


class TransitMaster:
    """A transit key of type aes256-gcm96. A version is its mount, name and number: `transit/gatewayops#3`.

    The token needs update on `<mount>/encrypt/<key>` and `<mount>/decrypt/<key>`, read on
    `<mount>/keys/<key>`, and update on `<mount>/keys/<key>/rotate` to rotate.
    """

    def __init__(self, settings: SecretsSettings) -> None:
        """Raises ExtraMissing, InvalidInput."""
        need("hvac", extra="vault", provider="vault")
        self._url = need_setting(settings.vault_url, "vault_url", provider="vault")
        if not settings.vault_token_file:
            need_setting(settings.vault_token, "vault_token", provider="vault")
        self._settings = settings
        self._mount, self._key = settings.vault_mount, settings.vault_key

    def newest(self) -> str:
        """The key's latest version."""
        with self._transit() as transit:
            told = transit.read_key(name=self._key, mount_point=self._mount)
        return self._version(told["data"]["latest_version"])

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        """Within Vault; the place is associated data."""
        with self._transit() as transit:
            told = transit.encrypt_data(
                name=self._key, plaintext=_base64(key), associated_data=_base64(place.encode()),
                mount_point=self._mount,
            )  # fmt: skip
        ciphertext = str(told["data"]["ciphertext"])
        found = _CIPHERTEXT.fullmatch(ciphertext)
        if found is None:
            msg = "Vault answers something else than a ciphertext of its transit engine"
            raise MasterKeyUnavailable(msg)
        return Wrapped(self._version(found[1]), ciphertext.encode())

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        """Within Vault, by the mount and key that the version names."""
        mount, _, key = wrapped.version.rpartition("#")[0].rpartition("/")
        with self._transit(is_opening=True) as transit:
            told = transit.decrypt_data(
                name=key, ciphertext=wrapped.blob.decode(), associated_data=_base64(place.encode()),
                mount_point=mount,
            )  # fmt: skip
        try:
            return base64.b64decode(told["data"]["plaintext"], validate=True)
        except binascii.Error as error:
            msg = "Vault answers something else than a key"
            raise MasterKeyUnavailable(msg) from error

    def rotate(self) -> str:
        """A new version of the transit key."""
        with self._transit() as transit:
            transit.rotate_key(name=self._key, mount_point=self._mount)
        return self.newest()

    def _version(self, number: object) -> str:
        return f"{self._mount}/{self._key}#{number}"

    @contextmanager
    def _transit(self, *, is_opening: bool = False) -> Iterator[Any]:
        import hvac
        import requests

        settings = self._settings
        token = settings.vault_token or self._token()
        with requests.Session() as session:
            client = hvac.Client(
                url=self._url, token=token, timeout=settings.timeout_s,
                namespace=settings.vault_namespace or None, session=session,
            )  # fmt: skip
            try:
                yield client.secrets.transit
            except hvac.exceptions.InvalidRequest as error:
                if not is_opening:
                    raise _refused(error) from error
                msg = "Vault does not open a data key: changed, moved, or its version is no longer allowed"
                raise SealBroken(msg) from error
            except hvac.exceptions.VaultError as error:
                raise _refused(error) from error
            except (requests.RequestException, KeyError, TypeError) as error:
                msg = f"Vault does not answer: {type(error).__name__}"
                raise MasterKeyUnavailable(msg) from error

    def _token(self) -> str:
        try:
            return Path(self._settings.vault_token_file).read_text().strip()
        except OSError as error:
            msg = f"secrets.vault_token_file: cannot be read: {error.strerror}"
            raise MasterKeyUnavailable(msg) from error


def _refused(error: Exception) -> MasterKeyUnavailable:
    return MasterKeyUnavailable(f"Vault refuses: {type(error).__name__}")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
