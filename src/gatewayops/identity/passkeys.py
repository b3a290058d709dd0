"""Passkeys (WebAuthn Level 3): what a browser is asked for, and whether what it brings is right. Pure.

Every ceremony asks for user verification, so a passkey is two factors: the device, and what unlocks it.
The library is loaded when the first ceremony begins: see `ready`.
"""

import asyncio
import hashlib
import json
import re
import struct
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from gatewayops.base.errors import InvalidInput, Reason, Unauthenticated

T = TypeVar("T")

_NAME = "GatewayOps"
_TIMEOUT_MS = 300_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,1364}")  # base64url of at most 1023 bytes
_TRANSPORTS = frozenset(("ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"))
Given = dict[str, Any]  # a credential as browsers write it: PublicKeyCredential.toJSON()


class RelyingParty(msgspec.Struct, frozen=True):
    """Where passkeys count: a host's name, and the one origin whose pages may ask for them."""

    id: str
    origin: str

    @classmethod
    def of(cls, address: str) -> "RelyingParty":
        """Of an address that begins with http(s)://."""
        parts = urlsplit(address)
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}".lower())


class Registered(msgspec.Struct, frozen=True):
    """A passkey that was just made."""

    credential_id: str
    public_key: bytes
    sign_count: int
    transports: list[str]


async def ready() -> None:
    """To be awaited before all else here: the library takes a quarter of a second to load, once."""
    await asyncio.to_thread(import_module, "webauthn")


def registration(
    party: RelyingParty, *, user_id: str, email: str, organization: str, known: list[str]
) -> tuple[dict[str, Any], bytes]:
    """What `navigator.credentials.create` is given, as JSON, and its challenge; `known` are not made anew."""
    from webauthn import generate_registration_options
    from webauthn.helpers import structs

    options = generate_registration_options(
        rp_id=party.id,
        rp_name=_NAME,
        user_name=email,
        user_display_name=f"{email} ({organization})",
        user_id=user_id.encode(),
        timeout=_TIMEOUT_MS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known),
    )
    return _as_json(options), options.challenge


def authentication(party: RelyingParty, *, known: list[str]) -> tuple[dict[str, Any], bytes]:
    """What `navigator.credentials.get` is given, and its challenge; without `known`: any passkey."""
    from webauthn import generate_authentication_options
    from webauthn.helpers import structs

    options = generate_authentication_options(
        rp_id=party.id,
        timeout=_TIMEOUT_MS,
        allow_credentials=_descriptors(known),
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return _as_json(options), options.challenge


def challenge_hash(challenge: bytes) -> str:
    """What is kept of a challenge."""
    return hashlib.sha256(challenge).hexdigest()


def challenge_in(given: Given) -> bytes:
    """The challenge that a credential answers, not looked at yet. Raises InvalidInput."""
    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    def read() -> bytes:
        return parse_client_data_json(base64url_to_bytes(given["response"]["clientDataJSON"])).challenge

    return _translated(read, InvalidInput("credential: not what a browser sends"))


def credential_id_in(given: Given) -> str:
    """Which passkey it says it is; raises InvalidInput."""
    found = given.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        msg = "credential: its id is missing"
        raise InvalidInput(msg)
    return found


def user_in(given: Given) -> str:
    """Whose the device says it is; empty when it says nothing."""
    from webauthn.helpers import base64url_to_bytes

    def read() -> str:
        return base64url_to_bytes(given["response"].get("userHandle") or "").decode()

    return _translated(read, InvalidInput("credential: its user is missing"))


def check_registration(party: RelyingParty, given: Given, *, challenge: bytes) -> Registered:
    """A new passkey. Raises InvalidInput."""
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url

    def check() -> Registered:
        made = verify_registration_response(
            credential=json.dumps(given),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
        told = given["response"].get("transports") or []
        return Registered(
            credential_id=bytes_to_base64url(made.credential_id),
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            transports=sorted(_TRANSPORTS & {one for one in told if isinstance(one, str)}),
        )

    return _translated(check, InvalidInput("credential: this passkey was not accepted; try again"))


def check_authentication(
    party: RelyingParty, given: Given, *, challenge: bytes, public_key: bytes, sign_count: int
) -> int:
    """The new counter of a passkey that proved itself. Raises Unauthenticated."""
    from webauthn import verify_authentication_response

    def check() -> int:
        done = verify_authentication_response(
            credential=json.dumps(given),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
        return done.new_sign_count

    return _translated(check, not_accepted())


def not_accepted() -> Unauthenticated:
    """The same refusal for whatever is wrong with a passkey."""
    return Unauthenticated("this passkey was not accepted", Reason.SIGN_IN_FAILED)


def _descriptors(known: list[str]) -> list[Any]:
    from webauthn.helpers import base64url_to_bytes, structs

    return [structs.PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known]


def _as_json(options: Any) -> dict[str, Any]:  # noqa: ANN401 - either kind of options
    from webauthn import options_to_json

    found: dict[str, Any] = json.loads(options_to_json(options))
    return found


def _translated(work: Callable[[], T], refusal: Exception) -> T:
    """What the library raises for odd input stops here: it parses what a stranger sends."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from webauthn.helpers.exceptions import WebAuthnException

    odd = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
    try:
        return work()
    except (WebAuthnException, InvalidSignature, UnsupportedAlgorithm, struct.error, *odd) as error:
        raise refusal from error
