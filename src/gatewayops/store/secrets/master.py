"""The master key: what wraps data keys. It stays with its provider; here are only its answers."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Protocol

import msgspec

from gatewayops.base.errors import InvalidInput, Unavailable


class MasterKeyUnavailable(Unavailable):
    """The provider does not answer, refuses us, or no longer has that version."""


class ExtraMissing(InvalidInput):
    """The provider's SDK is not installed; the detail says which extra brings it."""


class Wrapped(msgspec.Struct, frozen=True):
    """A wrapped key, and the version of the master key that opens it."""

    version: str
    blob: bytes


class MasterKey(Protocol):
    """A provider. Every call blocks, within the time limit of the settings: call it from a thread.

    All raise MasterKeyUnavailable. `place` names organisation and data key: wrapped keys open there only.
    """

    def newest(self) -> str:
        """The version that wraps now."""

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        """Under the newest version."""

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        """Raises SealBroken for what was not wrapped for this place."""

    def rotate(self) -> str:
        """Makes a new version, which wraps from now on."""


class Masters:
    """The provider in use, and those whose wrappings may still have to be opened. Versions name both.

    `aws_kms:arn…#2` is the provider, a colon, and the version as the provider says it.
    """

    def __init__(self, provider: str, makers: Mapping[str, Callable[[], MasterKey]]) -> None:
        """`makers` build a provider when it is first needed."""
        self.provider = provider
        self._makers = makers
        self._made: dict[str, MasterKey] = {}

    def newest(self) -> str:
        """The version that wraps now."""
        return f"{self.provider}:{self._of(self.provider).newest()}"

    def rotate(self) -> str:
        """Makes a new version with the provider in use."""
        return f"{self.provider}:{self._of(self.provider).rotate()}"

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        """Under the newest version of the provider in use."""
        wrapped = self._of(self.provider).wrap(key, place=place)
        return Wrapped(f"{self.provider}:{wrapped.version}", wrapped.blob)

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        """By whichever provider wrapped it."""
        provider, _, version = wrapped.version.partition(":")
        return self._of(provider).unwrap(Wrapped(version, wrapped.blob), place=place)

    def _of(self, provider: str) -> MasterKey:
        if provider not in self._made:
            maker = self._makers.get(provider)
            if maker is None:
                msg = f"a key was wrapped by {provider}, which this version does not know"
                raise MasterKeyUnavailable(msg)
            self._made[provider] = maker()
        return self._made[provider]


def need(module: str, *, extra: str, provider: str) -> None:
    """Raises ExtraMissing when a provider's SDK is not there."""
    try:
        is_there = find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it is missing
        is_there = False
    if not is_there:
        msg = f"secrets.provider: {provider} needs an extra; pip install 'gatewayops[{extra}]'"
        raise ExtraMissing(msg)


def need_setting(value: str, name: str, *, provider: str) -> str:
    """The value; raises InvalidInput that names the setting when it is empty."""
    if not value:
        msg = f"secrets.{name}: {provider} needs it"
        raise InvalidInput(msg)
    return value
