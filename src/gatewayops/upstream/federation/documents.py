"""Documents: discovery documents and key sets of providers, kept as long as HTTP says, and not many."""

from collections import OrderedDict
from typing import Any

import msgspec

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.upstream.guarded_fetch import DocumentUnavailable, Question, ask

_MOST = 1_000
_MAX_BYTES = 256 << 10  # key sets with certificates are large
_MOST_BYTES = 8 << 20  # of all; what is read takes several times as much memory
_AGAIN_AFTER_S = 30.0  # an unknown key makes us ask at most that often


class _Kept(msgspec.Struct, frozen=True):
    content: dict[str, Any]
    since_s: float
    until_s: float
    size_bytes: int


class Documents:
    """One a process."""

    def __init__(self) -> None:
        """Has none yet."""
        self._kept: OrderedDict[tuple[str, bool], _Kept] = OrderedDict()
        self._bytes = 0

    async def get(self, url: str, *, allows_private: bool) -> dict[str, Any]:
        """As it was when it was asked for last. Raises what guarded_fetch raises."""
        known = self._kept.get((url, allows_private))
        if known is None or known.until_s <= clock.unix_s():
            known = await self._fetch(url, allows_private)
        return known.content

    async def newer(self, url: str, *, allows_private: bool) -> dict[str, Any] | None:
        """Asked for anew; None when that was done a moment ago, or does not work now."""
        known = self._kept.get((url, allows_private))
        if known is not None and known.since_s > clock.unix_s() - _AGAIN_AFTER_S:
            return None
        try:
            return (await self._fetch(url, allows_private)).content
        except GatewayOpsError:
            return None

    async def _fetch(self, url: str, allows_private: bool) -> _Kept:
        answered = await ask(Question(url=url, max_bytes=_MAX_BYTES), allows_private=allows_private)
        if answered.status != 200 or not isinstance(answered.content, dict):
            msg = f"the provider answered {answered.status} instead of a document at {url}"
            raise DocumentUnavailable(msg)
        now_s = clock.unix_s()
        kept = _Kept(answered.content, now_s, now_s + answered.fresh_s, answered.size_bytes)
        self._keep((url, allows_private), kept)
        return kept

    def _keep(self, which: tuple[str, bool], kept: _Kept) -> None:
        """The oldest make room."""
        before = self._kept.pop(which, None)
        self._kept[which] = kept
        self._bytes += kept.size_bytes - (before.size_bytes if before is not None else 0)
        while len(self._kept) > _MOST or self._bytes > _MOST_BYTES:
            self._bytes -= self._kept.popitem(last=False)[1].size_bytes
