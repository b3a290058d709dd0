"""Settings of analytics: which argument values it may show, and what calls are for."""

from typing import Annotated

import msgspec
from msgspec import Meta

_Field = Annotated[str, Meta(pattern=r"^[^.]\S*\.[^.\s*]+$", max_length=255)]
_Pattern = Annotated[str, Meta(min_length=1, max_length=255)]


class AnalyticsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Argument values are people's own words: none is shown unless its field is named here.

    A field is `tool.path`, such as `search.query` or `github/search.filters.language`; `*` in the tool stands
    for any text, never in the path. An intent is a label and the tools (`tool`, `server/tool`, with `*`)
    that serve it; the first that fits counts.
    """

    argument_fields: tuple[_Field, ...] = ()
    intents: dict[_Pattern, tuple[_Pattern, ...]] = msgspec.field(default_factory=dict)
