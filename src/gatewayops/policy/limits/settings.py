"""Settings of rate limits: what holds where no rule was made, and what happens without counters."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

RateText = Annotated[str, Meta(pattern="^(0|none|[1-9][0-9]{0,8}/1?[smh])$")]


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults by scope, `0` for none; a rule for the subject, or for `*`, replaces them."""

    default_user: RateText = "100/m"
    default_team: RateText = "1000/m"
    default_api_key: RateText = "500/m"
    default_server: RateText = "0"
    default_global: RateText = "10000/s"  # of each organisation
    when_counters_fail: Literal["open", "closed"] = "open"  # several workers, and Redis or Valkey is away
