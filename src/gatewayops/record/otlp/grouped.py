"""What traces, logs and metrics have in common: items of a library, within a resource, from a sender."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gatewayops.record.masking import Masker
from gatewayops.record.otlp import json_form, values
from gatewayops.record.otlp.masked import masked
from gatewayops.record.otlp.sender import Refusals, Rejected, Sender, Window
from gatewayops.record.otlp.span_record import Source


@dataclass(frozen=True, slots=True)
class Group:
    """Items of one library."""

    items: Sequence[Any]
    server: str
    source: Source


class GroupReader:
    """The beginning of every signal's reader. `is_json` says which form the messages have."""

    def __init__(
        self, sender: Sender, window: Window, masker: Masker, *, is_json: bool, body_limit: int
    ) -> None:
        """`body_limit` bounds recorded bodies, in bytes."""
        self.refusals = Refusals()
        self.sender = sender
        self.window = window
        self.masker = masker
        self.is_json = is_json
        self.body_limit = body_limit
        self.attributes: Callable[[Any], dict[str, str]] = (
            json_form.attributes if is_json else values.proto_attributes
        )

    def groups(self, request: Any, signal: str, items: str) -> Iterator[Group]:  # noqa: ANN401 - a message
        """Those that the key may send; `resource_<signal>`, `scope_<signal>` and `items` are field names."""
        for group in getattr(request, f"resource_{signal}") or ():
            scopes = getattr(group, f"scope_{signal}") or ()
            try:
                resource = self.attributes(group.resource.attributes) if group.resource else {}
                server = self.sender.server_of(resource)
            except (Rejected, ValueError) as error:
                self.refusals.add(str(error), sum(len(getattr(scoped, items) or ()) for scoped in scopes))
                continue
            for scoped in scopes:
                source = source_of(self.masker, scoped.scope, resource)
                yield Group(getattr(scoped, items) or (), server, source)

    def ids(self) -> dict[str, Any]:
        """Whose a record is."""
        sender = self.sender
        return {
            "org_id": sender.org_id,
            "key_id": sender.key_id,
            "user_id": sender.user_id,
            "team_id": sender.team_id,
            "project_id": sender.project_id,
            "env": sender.env,
        }


def source_of(masker: Masker, scope: Any, resource: dict[str, str]) -> Source:  # noqa: ANN401 - a message
    """Who made what follows, masked."""
    source = Source(
        service=resource.get("service.name", ""),
        scope=(scope.name or "") if scope else "",
        scope_version=(scope.version or "") if scope else "",
        resource=dict(resource),
    )
    return masked(masker, [source])[0]
