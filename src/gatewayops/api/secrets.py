"""`/v1/secrets`: which keys seal credentials, and rotating them. Keys themselves are never shown."""

from typing import Annotated

from fastapi import Depends

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, LateShape
from gatewayops.base.errors import Forbidden
from gatewayops.identity.principal import Principal
from gatewayops.store.control import rotation
from gatewayops.store.control.rotation import Progress

router = LateRouter(prefix="/v1/secrets", tags=["Secrets"])

Reader = Annotated[Principal, Depends(principal_for("secrets.read"))]
Writer = Annotated[Principal, Depends(principal_for("secrets.write"))]


class Rotate(Body):
    """`begins`: make a new master key, unless a rotation is unfinished; else do the next part."""

    begins: bool
    renews_data_keys: bool = False


class KeyVersion(LateShape):
    """A version of the master key, and how many data keys it wraps."""

    version: str
    data_keys: int


class StatusBody(LateShape):
    """`values_to_seal_anew`: sealed by an older data key, or by none; a rotation renews them."""

    provider: str
    master_key: str
    versions: list[KeyVersion]
    values: int
    values_to_seal_anew: int


class OneStatus(LateShape):
    """The answer about keys."""

    secrets: StatusBody


class ProgressBody(LateShape):
    """What this part did and what is left; ask again until `is_done`."""

    master_key: str
    is_continued: bool
    keys_wrapped: int
    values_sealed: int
    keys_left: int
    values_left: int
    is_done: bool


class OneProgress(LateShape):
    """The answer about a rotation."""

    rotation: ProgressBody


@router.get("")
async def show(caller: Reader, parts: Parts) -> OneStatus:
    """Which master key is in use, and what it wraps of your organisation (of all, with --data)."""
    org_id = None if caller.is_local_admin else caller.org_id
    now = await rotation.status(parts.database, parts.credentials, org_id=org_id)
    versions = [KeyVersion(version=version, data_keys=count) for version, count in now.data_keys.items()]
    return OneStatus(
        secrets=StatusBody(
            provider=now.provider,
            master_key=now.newest,
            versions=versions,
            values=now.values,
            values_to_seal_anew=now.values_left,
        )
    )


@router.post("/rotation")
async def rotate(body: Rotate, caller: Writer, parts: Parts) -> OneProgress:
    """Rotates the installation's master key: only for whoever is at the machine (CLI with --data)."""
    if not caller.is_local_admin:
        msg = "the master key is the installation's: rotate it with gatewayops secrets rotate --data DIR"
        raise Forbidden(msg)
    if body.begins:
        now = await rotation.begin(parts.database, parts.credentials, renews_data_keys=body.renews_data_keys)
    else:
        now = await rotation.step(parts.database, parts.credentials)
    return OneProgress(rotation=_body(now))


def _body(now: Progress) -> ProgressBody:
    return ProgressBody(
        master_key=now.version,
        is_continued=now.is_continued,
        keys_wrapped=now.rewrapped,
        values_sealed=now.resealed,
        keys_left=now.keys_left,
        values_left=now.values_left,
        is_done=now.is_done,
    )
