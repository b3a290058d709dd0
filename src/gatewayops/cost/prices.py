"""What a call costs: the narrowest price rule for its server and tool, in whole micro-dollars."""

import msgspec

from gatewayops.store.snapshot import PriceRow

_MTOK = 1_000_000
_BYTES_PER_TOKEN = 4


class Price(msgspec.Struct, frozen=True):
    """A price; token prices are for a million tokens, so that fractions of a micro-dollar add up exactly."""

    per_call_micros: int = 0
    input_micros_per_mtok: int = 0
    output_micros_per_mtok: int = 0

    def of(self, input_tokens: int, output_tokens: int) -> int:
        """The cost in whole micro-dollars, half a micro-dollar rounded up."""
        tokens = input_tokens * self.input_micros_per_mtok + output_tokens * self.output_micros_per_mtok
        return self.per_call_micros + (tokens + _MTOK // 2) // _MTOK


FREE = Price()


def estimated_tokens(size_bytes: int) -> int:
    """Tokens of a text of so many bytes, four bytes each by rule of thumb: an estimate, labelled so."""
    return -(-size_bytes // _BYTES_PER_TOKEN)


class PriceBook:
    """Price rules by organisation; the most specific wins: server and tool, server, default."""

    def __init__(self, rows: tuple[PriceRow, ...] = ()) -> None:
        """`rows` of all organisations."""
        self._prices = {
            (row.org_id, row.server, row.tool): Price(
                row.per_call_micros, row.input_micros_per_mtok, row.output_micros_per_mtok
            )
            for row in rows
        }

    def price(self, org_id: str, server: str, tool: str) -> Price:
        """The price of one call of that tool."""
        for rule in ((server, tool), (server, ""), ("", tool), ("", "")):
            price = self._prices.get((org_id, *rule))
            if price is not None:
                return price
        return FREE
