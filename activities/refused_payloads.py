"""Notes what was found in Temporal that none of our keys had sealed for its place.

The codec refuses it at once, and decides nothing; here it is counted, shown with its payment, and recorded.
"""

import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.background import AFTER_TROUBLE_S, repeated
from domain.base import PaymentKey
from domain.ids import payment_of
from security.access_log import Access, AccessEvent
from security.crypto.sealed_values import Why
from storage.evidence.refused_payloads import NO_PAYMENT, FoundForeign
from storage.session import Database, Unit

WRITTEN_EVERY_S = 2.0
WORKFLOWS_MAX = 1_000
"""Told apart between two writes; the rest is counted together."""

RECORDS_MAX = 5
"""Of the access log at each write: nobody fills it from Temporal."""

logger = logging.getLogger(__name__)


class RefusedPayloads:
    """Collects refusals from the threads of workflows and from activities."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Counter[tuple[str, Why]] = Counter()

    def __call__(self, workflow_id: str, why: Why) -> None:
        """One refusal in this workflow."""
        with self._lock:
            place = (workflow_id, why)
            known = place in self._found or len(self._found) < WORKFLOWS_MAX
            self._found[place if known else ("", why)] += 1

    async def write(self, database: Database) -> bool:
        """Write what was collected. Returns False: nothing is left. Raises SQLAlchemyError or OSError."""
        with self._lock:
            found, self._found = self._found, Counter()
        if not found:
            return False
        try:
            async with database.begin() as unit:
                await _write(unit, found)
        except BaseException:
            with self._lock:
                self._found.update(found)
            raise
        return False


@asynccontextmanager
async def refusals_noted(database: Database, refused: RefusedPayloads) -> AsyncIterator[None]:
    """Write what is refused while the block runs."""

    async def work() -> bool:
        return await refused.write(database)

    async with repeated(work, WRITTEN_EVERY_S, AFTER_TROUBLE_S, "refused payloads not noted"):
        yield


async def _write(unit: Unit, found: Counter[tuple[str, Why]]) -> None:
    at = await unit.now()
    for (workflow_id, why), count in found.items():
        await unit.refused_payloads.found(workflow_id, await _payment(unit, workflow_id), why, count, at)
    due = await unit.refused_payloads.due(at, RECORDS_MAX)
    for each in due:
        logger.warning("not sealed by us, refused: %s %s, %s in all", each.workflow_id or "-", each.why, each.refused)
    if due:
        await unit.access.append_all([_access(each) for each in due], at)


async def _payment(unit: Unit, workflow_id: str) -> PaymentKey:
    """Whose workflow it is; anybody can start one under any id."""
    key = payment_of(workflow_id)
    return key if key is not None and await unit.payments.state_of(key) is not None else NO_PAYMENT


def _access(found: FoundForeign) -> Access:
    details = {"why": found.why, "refused": found.refused}
    return Access(
        AccessEvent.TEMPORAL_PAYLOAD_REFUSED, found.hospital, "temporal", "temporal", found.workflow_id, details
    )
