"""Watches for payments that nobody drives any more, and wakes or restarts their workflows.

A workflow task that is lost together with Temporal's server leaves nobody who would take it again, and a workflow that
was terminated by mistake leaves a payment that only its row knows.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.background import repeated
from domain.ids import payment_workflow_id
from domain.orders import PaymentStart, PaymentTerms
from domain.states import TERMINAL
from storage.known import known_payment
from storage.records import WatchedPayment
from storage.session import Database
from storage.watch import BATCH_MAX

LOOK_EVERY_S = 5.0
AFTER_TROUBLE_S = 10.0
LOOKED_AT_FOR = timedelta(minutes=1)
"""How long a batch belongs to the worker that took it."""

WATCH_PAUSE_MAX = timedelta(hours=6)
"""Between two looks at one payment, which grow with the time it has been where it is."""

RPC_TIMEOUT = timedelta(seconds=5)
PAYMENT_WORKFLOW = "PaymentWorkflow"
WAKE = "wake"
"""The signal `PaymentWorkflow.wake`."""

logger = logging.getLogger(__name__)

Restart = Callable[[PaymentStart], Awaitable[None]]
"""Starts a closed payment's workflow again. Raises `temporalio.service.RPCError`."""


@dataclass(frozen=True)
class AtTemporal:
    """Where the payments' workflows run."""

    client: Client
    task_queue: str
    restart: Restart


class Watcher:
    """`terms`: by hospital. `after`: how long a payment may be without progress."""

    def __init__(
        self, database: Database, temporal: AtTemporal, terms: Mapping[str, PaymentTerms], after: timedelta
    ) -> None:
        self._database = database
        self._client = temporal.client
        self._task_queue = temporal.task_queue
        self._restart = temporal.restart
        self._terms = terms
        self._after = after

    async def look(self) -> bool:
        """Look after one batch; whether more may be due. Raises SQLAlchemyError, OSError or RPCError.

        Several workers may do this at once: a batch belongs to the one that took it.
        """
        async with self._database.read() as unit:
            before = await unit.now() - self._after
            if not await unit.watch.any_due(before):
                return False
        async with self._database.begin() as unit:
            batch = await unit.watch.take(before, await unit.now() + LOOKED_AT_FOR)
        running = await self._running(batch)
        for payment in batch:
            await self._look_after(payment, is_listed=_workflow_id(payment) in running)
        return len(batch) == BATCH_MAX

    async def _running(self, batch: Sequence[WatchedPayment]) -> set[str]:
        """The workflows that Temporal lists as running: one question for all."""
        ids = ", ".join(f"'{_workflow_id(payment)}'" for payment in batch)
        query = (
            f"ExecutionStatus = 'Running' AND WorkflowType = '{PAYMENT_WORKFLOW}' "
            f"AND TaskQueue = '{self._task_queue}' AND WorkflowId IN ({ids})"
        )
        return {each.id async for each in self._client.list_workflows(query, rpc_timeout=RPC_TIMEOUT)}

    async def _look_after(self, payment: WatchedPayment, *, is_listed: bool) -> None:
        if not is_listed and payment.state in TERMINAL:
            async with self._database.begin() as unit:
                await unit.watch.enough(payment)
            return
        # The list is a little late, and a workflow is not started twice for that.
        if is_listed or await self._is_running(payment):
            await self._wake(payment)
        else:
            await self._start_again(payment)
        async with self._database.begin() as unit:
            at = await unit.now()
            pause = min(max(self._after, at - payment.state_since), WATCH_PAUSE_MAX)
            await unit.watch.again(payment, at + pause - self._after)

    async def _is_running(self, payment: WatchedPayment) -> bool:
        """Somebody else's workflow under its id is terminated: the payment's own could not begin."""
        handle = self._client.get_workflow_handle(_workflow_id(payment))
        try:
            found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            if found.status is not WorkflowExecutionStatus.RUNNING:
                return False
            if (found.workflow_type, found.task_queue) == (PAYMENT_WORKFLOW, self._task_queue):
                return True
            logger.error("a workflow that is not ours has the id of a payment, terminated: %s", handle.id)
            await self._client.get_workflow_handle(handle.id, run_id=found.run_id).terminate(
                reason="not medpay's, under the id of a payment", rpc_timeout=RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return False

    async def _wake(self, payment: WatchedPayment) -> None:
        logger.info("payment woken: %s %s since %s", _workflow_id(payment), payment.state, payment.state_since)
        try:
            await self._client.get_workflow_handle(_workflow_id(payment)).signal(WAKE, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            # It has closed meanwhile: the next look sees whether it should have.

    async def _start_again(self, payment: WatchedPayment) -> None:
        """The workflow was terminated before the payment ended."""
        terms = self._terms.get(payment.hospital)
        if terms is None:
            logger.error("payment broken off, and its hospital is not configured: %s", _workflow_id(payment))
            return
        async with self._database.read() as unit:
            record = await unit.payments.find(payment)
            if record is None or record.state in TERMINAL:
                return
            known = await known_payment(unit, record)
        logger.error("payment broken off, started again: %s", record.order.workflow_id)
        await self._restart(PaymentStart(order=record.order, terms=terms, reopened=known))


@asynccontextmanager
async def payments_watched(watcher: Watcher) -> AsyncIterator[None]:
    """Wake payments without progress while the block runs."""
    async with repeated(watcher.look, LOOK_EVERY_S, AFTER_TROUBLE_S, "payments not watched"):
        yield


def _workflow_id(payment: WatchedPayment) -> str:
    return payment_workflow_id(payment.hospital, payment.med_org_ord)
