"""How much a call reserves before its answer is known.

What is priced by the call or by input is known and reserved to the micro-dollar: such calls overspend a
hard budget by nothing, ever. Of output that is priced, the largest answer seen lately from the same tool is
reserved, a configured minimum before there was one: the calls under way may then overspend by as much as
their answers are larger than that, and once the amount is spent all are refused.
"""

from gatewayops.cost.prices import Price

_REMEMBERED = 10_000
_LONGEST = 300  # of a name worth remembering
_LATELY_S = 300.0


class Estimate:
    """The output of one tool: the largest of this and the last five minutes. Ask `expected`, tell `saw`."""

    __slots__ = ("_before", "_largest", "_least", "_since_s")

    def __init__(self, least: int) -> None:
        """`least` is expected until an answer was seen."""
        self._least = least
        self._largest = -1
        self._before = -1
        self._since_s = 0.0

    @property
    def output_tokens(self) -> int:
        """What the next answer is reckoned with."""
        largest = self._largest if self._largest > self._before else self._before
        return largest if largest >= 0 else self._least

    def saw(self, output_tokens: int, now_s: float) -> None:
        """An answer has come."""
        if now_s - self._since_s >= _LATELY_S:
            self._before, self._largest, self._since_s = self._largest, output_tokens, now_s
        elif output_tokens > self._largest:
            self._largest = output_tokens

    def micros(self, price: Price, input_tokens: int) -> int:
        """What to reserve for a call of that price; at least one micro-dollar unless all is free."""
        expected = price.of(input_tokens, self.output_tokens if price.output_micros_per_mtok else 0)
        return expected or int(price.output_micros_per_mtok > 0 or price.input_micros_per_mtok > 0)


class Estimates:
    """The estimate of each tool, the same object for the same tool. Bounded: it forgets, it does not grow."""

    def __init__(self, *, min_output_tokens: int) -> None:
        """Knows nothing yet."""
        self._least = min_output_tokens
        self._known: dict[tuple[str, str, str], Estimate] = {}

    def of(self, org_id: str, server: str, tool: str) -> Estimate:
        """Cold: to be kept beside the price."""
        key = (org_id, server, tool)
        estimate = self._known.get(key)
        if estimate is None:
            estimate = Estimate(self._least)
            if len(tool) <= _LONGEST:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[key] = estimate
        return estimate
