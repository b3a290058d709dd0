"""What a gRPC failure says of when to come back: google.rpc.Status with RetryInfo in its details.

The two messages are declared here as far as they are read (googleapis: google/rpc/status.proto,
google/rpc/error_details.proto); their package holds nothing else that we need.
"""

from functools import cache
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, message_factory
from google.protobuf.message import DecodeError

STATUS_DETAILS = "grpc-status-details-bin"
_RETRY_INFO = "google.rpc.RetryInfo"
_PACKAGE = "gatewayops.rpc"


def retry_delay_s(details: bytes) -> float | None:
    """The delay that RetryInfo asks for; None without one. `details` is the trailer STATUS_DETAILS."""
    status, retry_info = _messages()
    try:
        for detail in status.FromString(details).details:
            if detail.type_url.endswith(f"/{_RETRY_INFO}"):
                delay = retry_info.FromString(detail.value).retry_delay
                return float(max(delay.seconds + delay.nanos / 1e9, 0.0))
    except DecodeError:
        return None
    return None


@cache
def _messages() -> tuple[Any, Any]:
    """Status and RetryInfo."""
    field = descriptor_pb2.FieldDescriptorProto
    needed = [any_pb2.DESCRIPTOR.name, duration_pb2.DESCRIPTOR.name]
    file = descriptor_pb2.FileDescriptorProto(
        name="gatewayops/rpc_status.proto", package=_PACKAGE, syntax="proto3", dependency=needed
    )
    file.message_type.add(name="Status").field.add(
        name="details",
        number=3,
        label=field.LABEL_REPEATED,
        type=field.TYPE_MESSAGE,
        type_name=".google.protobuf.Any",
    )
    file.message_type.add(name="RetryInfo").field.add(
        name="retry_delay",
        number=1,
        label=field.LABEL_OPTIONAL,
        type=field.TYPE_MESSAGE,
        type_name=".google.protobuf.Duration",
    )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    found = (pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in ("Status", "RetryInfo"))
    status, retry_info = map(message_factory.GetMessageClass, found)
    return status, retry_info
