"""Settings of pinned tools; the modes are kept in the control store, by server and organisation."""

from typing import Annotated

import msgspec
from msgspec import Meta


class PinSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often the control role looks whether tools changed, besides what gateways see pass."""

    check_every_s: Annotated[float, Meta(ge=10, le=86_400)] = 300.0  # each server, give or take a fifth
