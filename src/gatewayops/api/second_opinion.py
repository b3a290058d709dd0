"""Casbin is the truth about access: should the compiled rules ever disagree with it, the log must say so."""

import asyncio
import logging

from gatewayops.identity.principal import Principal
from gatewayops.policy.access.explanation import Explanation
from gatewayops.policy.access.matching import Question
from gatewayops.policy.decision import ALLOW
from gatewayops.policy.grants import Grants
from gatewayops.store.snapshot import Snapshot

_LOG = logging.getLogger(__name__)
_MOST = 1_000


class SecondOpinion:
    """One an app. Asked once about each question: Casbin takes longer than all the rest of an explanation."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._revision = -1
        self._asked: set[tuple[Principal, Question]] = set()

    async def compare(self, grants: Grants, principal: Principal, asked: Question, told: Explanation) -> None:
        """Writes to the log when Casbin says something else than `told` about rules of this revision."""
        state = grants.snapshot
        if state.revision != self._revision or len(self._asked) >= _MOST:
            self._revision, self._asked = state.revision, set()
        of_revision = self._asked
        if (principal, asked) in of_revision:
            return
        await asyncio.to_thread(_compare, state, principal, asked, told)
        of_revision.add((principal, asked))  # which may be past by now


def _compare(state: Snapshot, principal: Principal, asked: Question, told: Explanation) -> None:
    from gatewayops.policy.access.casbin_model import Truth  # takes a while to import, and only this needs it

    if Truth(state, principal).allows(*asked) != (told.ruled is ALLOW):
        _LOG.error("compiled access and Casbin disagree about %r of %s", asked, principal.key_id)
