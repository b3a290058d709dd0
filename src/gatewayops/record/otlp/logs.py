"""Log records of either form become records; a bad one is left out and counted, the others stay."""

import os
from typing import Any

from gatewayops.record.otlp import json_form, values
from gatewayops.record.otlp.grouped import Group, GroupReader
from gatewayops.record.otlp.ids import hex_id
from gatewayops.record.otlp.json_form import whole
from gatewayops.record.otlp.log_record import LogRecord, LogTexts
from gatewayops.record.otlp.masked import masked
from gatewayops.record.otlp.sender import Rejected

_MOST_SEVERE = 24


class LogReader(GroupReader):
    """Makes the records of one request."""

    def records(self, request: Any) -> list[LogRecord]:  # noqa: ANN401 - a message of either form
        """All good log records of a request, masked; what is not good is in `refusals`."""
        found: list[LogRecord] = []
        for group in self.groups(request, "logs", "log_records"):
            found += self._of_group(group)
        return found

    def _of_group(self, group: Group) -> list[LogRecord]:
        made: list[tuple[LogTexts, dict[str, Any]]] = []
        for item in group.items:
            try:
                made.append((self._texts(item), self._facts(item)))
            except (Rejected, ValueError) as error:
                self.refusals.add(str(error))
        texts = masked(self.masker, [each for each, _ in made])
        ids = self.ids()
        return [
            LogRecord(texts=clean, source=group.source, server=group.server, **ids, **facts)
            for clean, (_, facts) in zip(texts, made, strict=True)
        ]

    def _texts(self, item: Any) -> LogTexts:  # noqa: ANN401
        body = json_form.text(item.body) if self.is_json else values.proto_text(item.body)
        return LogTexts(
            body, item.severity_text or "", item.event_name or "", self.attributes(item.attributes)
        )

    def _facts(self, item: Any) -> dict[str, Any]:  # noqa: ANN401
        """What is no text; a record without a time of its own has that of its observation."""
        observed_ns = whole(item.observed_time_unix_nano)
        ts_ns = whole(item.time_unix_nano) or observed_ns
        self.window.check(ts_ns)
        trace_id = _id_or_none(item.trace_id, 16)
        return {
            "ts_ns": ts_ns,
            "observed_ns": min(observed_ns, 2**63 - 1),
            "log_id": os.urandom(8).hex(),
            "trace_id": trace_id,
            "span_id": _id_or_none(item.span_id, 8) if trace_id else "",
            "severity": min(max(item.severity_number or 0, 0), _MOST_SEVERE),
        }


def _id_or_none(given: bytes | str | None, length: int) -> str:
    """OTLP: a log record with an id that is none belongs to no trace."""
    try:
        return hex_id(given, length)
    except Rejected:
        return ""
