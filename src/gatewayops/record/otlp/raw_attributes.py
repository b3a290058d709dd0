"""Attributes of spans, left as bytes by the parser and read here: each different one once a request.

Most of them come again and again with every span, and asking protobuf's objects for each costs more than
all else. So this request is OTLP's own, but for one field: a span's attributes are `repeated bytes`. Bytes
must have passed the true message first, which checks them to the last one.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from gatewayops.record.otlp.values import LONGEST_NAME, MOST_ATTRIBUTES, proto_text

_REMEMBERED = 4096
_TEXT = 0x0A  # tags: KeyValue's key, AnyValue's text
_VALUE = 0x12  # KeyValue's value
_SHORT = 0x80  # lengths below are one byte
# By the length of a short text, what stands between a key and it, where the value holds a text and no more.
_BETWEEN = {size: bytes((_VALUE, size + 2, _TEXT, size)) for size in range(_SHORT - 2)}
_LEAST = 6  # bytes of an attribute that holds such a text

Pair = tuple[str, str]


def _request() -> Any:  # noqa: ANN401 - a message class
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            if message.name == "Span":
                [attributes] = [field for field in message.field if field.name == "attributes"]
                attributes.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                attributes.ClearField("type_name")
        pool.Add(file)
    name = trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


RawTracesRequest = _request()


class RawAttributes:
    """One a request: it remembers."""

    def __init__(self) -> None:
        """Knows none yet."""
        self._known: dict[bytes, Pair] = {}
        self._names: dict[bytes, str] = {}  # by the bytes that an attribute of that name begins with
        self._too_long: set[str] = set()

    def of_spans(self, spans: Sequence[Any]) -> list[dict[str, str]]:
        """Those of each span, as values.proto_attributes. Quick where it is asked for many at once."""
        rows = [span.attributes[:MOST_ATTRIBUTES] for span in spans]
        for memory in (self._known, self._names):
            if len(memory) > _REMEMBERED:
                memory.clear()
        self._learn(set(chain.from_iterable(rows)).difference(self._known))
        pair_of = self._known.__getitem__
        found = [dict(map(pair_of, row)) for row in rows]
        if self._too_long:
            for attributes in found:
                for name in self._too_long.intersection(attributes):
                    del attributes[name]
        return found

    def _learn(self, pieces: Iterable[bytes]) -> None:
        """Most are of a name that came before: a key, and a value that holds a short text and no more."""
        known, name_of, between = self._known, self._names.get, _BETWEEN.get
        for piece in pieces:
            size = len(piece)
            at = piece[1] + 2 if size >= _LEAST else 0
            name = name_of(piece[:at])
            if name is not None and piece[at : at + 4] == between(size - at - 4):
                known[piece] = name, piece[at + 4 :].decode()
            else:
                known[piece] = self._parsed(piece, at)

    def _parsed(self, piece: bytes, at: int) -> Pair:
        """Any attribute; its name is known from now on where it stands in front, up to `at`."""
        pair = common_pb2.KeyValue.FromString(piece)
        if len(pair.key) > LONGEST_NAME:
            self._too_long.add(pair.key)
        if at and piece[0] == _TEXT and at < _SHORT + 2 and piece[2:at] == pair.key.encode():
            self._names[piece[:at]] = pair.key
        return pair.key, pair.value.string_value or proto_text(pair.value)
