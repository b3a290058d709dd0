"""What the routes about second factors take and answer."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from gatewayops.api.directory import SecondFactor
from gatewayops.api.second_factor import Proof
from gatewayops.api.shapes import Body, LateShape, Name
from gatewayops.api.sign_in_shapes import SignedIn
from gatewayops.store.control.factors import Totp
from gatewayops.store.control.passkeys import Passkey

PendingToken = Annotated[str, Field(max_length=100, examples=["gwp_…"])]
Code = Annotated[str, Field(max_length=20, examples=["123456"])]
Credential = Annotated[
    dict[str, Any], Field(description="as PublicKeyCredential.toJSON() of a browser writes it")
]


class ProofAsked(Body):
    """One of these: an app's code, a recovery code, a passkey's answer."""

    code: Code = ""
    recovery_code: Annotated[str, Field(max_length=60)] = ""
    passkey: Credential | None = None
    _KINDS: ClassVar[tuple[str, ...]] = ("code", "recovery_code", "passkey")

    @model_validator(mode="after")
    def _is_one(self) -> "ProofAsked":
        if len(self.given()) != 1:
            msg = f"send one of {', '.join(self._KINDS)}"
            raise ValueError(msg)
        return self

    def given(self) -> list[str]:
        """What was sent of what may be."""
        return [name for name in self._KINDS if getattr(self, name)]

    def proof(self) -> Proof:
        """For those who check it."""
        return Proof(code=self.code, recovery_code=self.recovery_code, passkey=self.passkey)


class SecondFactorAsked(ProofAsked):
    """`pending_token` is from the answer to the first step."""

    pending_token: PendingToken


class ConfirmAsked(ProofAsked):
    """Or the password, for who has no second factor."""

    password: Annotated[str, Field(max_length=256, json_schema_extra={"format": "password"})] = ""
    _KINDS: ClassVar[tuple[str, ...]] = ("code", "recovery_code", "passkey", "password")


class OptionsAsked(Body):
    """With `pending_token` by a passkey of that user; without by any."""

    pending_token: PendingToken = ""


class PasskeySignIn(Body):
    """A passkey's answer."""

    passkey: Credential


class CodeAsked(Body):
    """A code of the app that was just set up."""

    code: Code


class NewPasskeyAsked(Body):
    """`name` is for the person to tell their passkeys apart."""

    name: Name
    passkey: Credential


class Options(LateShape):
    """For PublicKeyCredential.parse…OptionsFromJSON() of a browser, within five minutes."""

    options: dict[str, Any]


class NewTotpBody(LateShape):
    """Shown this once: `address` (otpauth:) is what a QR code holds."""

    secret: str
    address: str


class FactorAdded(LateShape):
    """`recovery_codes` come with the first factor, this once; `signed_in` for who was waiting for it."""

    recovery_codes: list[str]
    signed_in: SignedIn | None


class RecoveryCodes(LateShape):
    """Shown this once; each works once."""

    recovery_codes: list[str]


class PasskeyBody(LateShape):
    """A passkey without its key."""

    id: str
    name: str
    created_at: datetime
    used_at: datetime | None


class FactorsBody(LateShape):
    """A user's second factors; `second_factor` is what the organisation asks for."""

    totp_since: datetime | None
    passkeys: list[PasskeyBody]
    recovery_codes_left: int
    second_factor: SecondFactor


def factors_body(
    app: Totp | None, keys: tuple[Passkey, ...], codes_left: int, policy: SecondFactor
) -> FactorsBody:
    """What somebody has."""
    return FactorsBody(
        totp_since=app.confirmed_at if app else None,
        passkeys=[
            PasskeyBody(id=one.id, name=one.name, created_at=one.created_at, used_at=one.used_at)
            for one in keys
        ],
        recovery_codes_left=codes_left,
        second_factor=policy,
    )
