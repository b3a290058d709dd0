"""What is known of the places that spans go to: address, the header for the key, protocols.

As the vendors' documentation of their OTLP endpoints had it in November 2026; tried against none of them.
"""

import base64
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from gatewayops.base.errors import InvalidInput
from gatewayops.upstream.exports.delivery import Protocol

_OVER_HTTP = frozenset({Protocol.HTTP_PROTOBUF, Protocol.HTTP_JSON})


class Preset(msgspec.Struct, frozen=True):
    """A kind of destination; no `endpoint`: it differs by site or stack. No `key_header`: none is known."""

    endpoint: str = ""
    key_header: str = ""
    is_basic: bool = False
    protocols: frozenset[Protocol] = frozenset(Protocol)

    def headers_for(self, api_key: str) -> dict[str, str]:
        """The key as the vendor takes it. Raises InvalidInput where none is known to be taken."""
        if not self.key_header:
            msg = "api_key: the preset generic has no header for it; give it in headers"
            raise InvalidInput(msg)
        value = "Basic " + base64.b64encode(api_key.encode()).decode() if self.is_basic else api_key
        return {self.key_header: value}


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "generic": Preset(),
        "datadog": Preset(key_header="dd-api-key", protocols=_OVER_HTTP),
        "grafana_cloud": Preset(key_header="authorization", is_basic=True, protocols=_OVER_HTTP),
        "honeycomb": Preset("https://api.honeycomb.io", "x-honeycomb-team"),
        "new_relic": Preset("https://otlp.nr-data.net", "api-key"),
    }
)
