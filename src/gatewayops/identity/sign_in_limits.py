"""How often somebody may try a password: by account from one address, by account, and by address.

After a few attempts each further one must wait, twice as long each time, up to a minute at most: guessing is
hopeless, and nobody locks the owner out for long. Counted in memory, bounded, a process.
"""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

import msgspec

from gatewayops.base.clock import unix_s
from gatewayops.base.errors import Reason, TooMany

_MAX_REMEMBERED = 20_000
_FORGOTTEN_AFTER_S = 900.0
_FIRST_WAIT_S = 1.0


class Rule(msgspec.Struct, frozen=True):
    """So many attempts are free; after those each waits, at most `longest_s`."""

    free: int
    longest_s: float


PAIR = Rule(free=5, longest_s=60.0)
ACCOUNT = Rule(free=20, longest_s=30.0)
ADDRESS = Rule(free=50, longest_s=60.0)


class TooManyAttempts(TooMany):
    """Says when to come back."""

    reason = Reason.RATE_EXCEEDED

    def __init__(self, wait_s: float) -> None:
        """`wait_s` is rounded up."""
        seconds = int(wait_s) + 1
        super().__init__(f"too many attempts to sign in; try again in {seconds} seconds")
        self.headers = (("Retry-After", str(seconds)),)


class _Count(msgspec.Struct):
    attempts: int
    at_s: float  # of the last one


class SignInLimits:
    """One a process."""

    def __init__(self) -> None:
        """Nobody has tried yet."""
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    def begin(self, account: str, address: str) -> None:
        """Counts an attempt before it is checked, so that many at once gain nothing. Raises TooManyAttempts.

        An attempt that is turned away does not count: who waits as told gets in.
        """
        asked = _asked(account, address)
        now_s = unix_s()
        wait_s = max(self._wait_s(who, rule, now_s) for who, rule in asked)
        if wait_s > 0:
            raise TooManyAttempts(wait_s)
        for who, _ in asked:
            count = self._counts.pop(who, None)
            attempts = 0 if count is None or now_s - count.at_s > _FORGOTTEN_AFTER_S else count.attempts
            self._counts[who] = _Count(attempts + 1, now_s)
        while len(self._counts) > _MAX_REMEMBERED:
            self._counts.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """The attempt was a good one: the account starts anew, the address has one attempt less."""
        pair, whole, place = (who for who, _ in _asked(account, address))
        self._counts.pop(pair, None)
        self._counts.pop(whole, None)
        count = self._counts.get(place)
        if count is not None and count.attempts > 0:
            count.attempts -= 1

    def _wait_s(self, who: tuple[str, str], rule: Rule, now_s: float) -> float:
        count = self._counts.get(who)
        if count is None or count.attempts < rule.free:
            return 0.0
        doubled = min(count.attempts - rule.free, 10)
        wait_s: float = min(_FIRST_WAIT_S * 2**doubled, rule.longest_s)
        return count.at_s + wait_s - now_s


def _asked(account: str, address: str) -> tuple[tuple[tuple[str, str], Rule], ...]:
    name, place = account.casefold(), network_of(address)
    return ((name, place), PAIR), ((name, ""), ACCOUNT), (("", place), ADDRESS)


def network_of(address: str) -> str:
    """The address itself, or of IPv6 its /64: one machine has all of it.

    >>> network_of("2001:db8:1:2:3:4:5:6")
    '2001:db8:1:2::'
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
