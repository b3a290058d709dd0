"""Attributes of spans, left as bytes by the parser and read here: each different one once a request.

Most of them come again and again with every span, and asking protobuf's objects for each costs more than
all else. So this request is OTLP's own, but for one field: a span's attributes are `repeated bytes`. Bytes
must have passed the true message first, which checks them to the last one.
"""

from collections.abc import Sequence
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
        self._too_long: set[str] = set()

    def read(self, pieces: Sequence[bytes]) -> dict[str, str]:
        """As values.proto_attributes."""
        known = self._known.get
        found = dict([known(piece) or self._learn(piece) for piece in pieces[:MOST_ATTRIBUTES]])
        for name in self._too_long.intersection(found):
            del found[name]
        return found

    def _learn(self, piece: bytes) -> Pair:
        pair = _short_text(piece) or _pair(piece)
        if len(pair[0]) > LONGEST_NAME:
            self._too_long.add(pair[0])
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[piece] = pair
        return pair


def _short_text(piece: bytes) -> Pair | None:
    """An attribute that is a short text, as most are: a key, and a value that holds a text and no more."""
    size = len(piece)
    if not 6 <= size < _SHORT or piece[0] != _TEXT:
        return None
    value = 2 + piece[1]
    if value + 4 > size or piece[value] != _VALUE or piece[value + 1] != size - value - 2:
        return None
    if piece[value + 2] != _TEXT or piece[value + 3] != size - value - 4:
        return None
    return piece[2:value].decode(), piece[value + 4 :].decode()


def _pair(piece: bytes) -> Pair:
    pair = common_pb2.KeyValue.FromString(piece)
    return pair.key, pair.value.string_value or proto_text(pair.value)
