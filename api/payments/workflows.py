"""The updates that the API sends to payments and refunds, and what each of their failures means to a caller."""

import asyncio
import json
import math
import uuid
from collections.abc import Awaitable
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar

import structlog
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from api.temporal import TemporalLink, unavailable
from domain.errors import ErrorCode, PaymentError
from domain.ids import payment_workflow_id
from domain.orders import (
    CancelRequest,
    Order,
    PaymentStart,
    PaymentTerms,
    PreSettleAnswer,
    SettlementAnswer,
    SettleRequest,
)
from domain.refunds import RefundOrder, RefundStart
from domain.states import RefundState
from gateways.insurance.profile import DEFAULT_PATHS
from hospitals import Hospital
from security.crypto.keyring import Keyring
from settings import Settings
from workflows.payment.workflow import PaymentWorkflow
from workflows.refund.workflow import RefundWorkflow
from workflows.start import refund_operation, reopen, start_operation

logger = structlog.get_logger(__name__)

A = TypeVar("A")
R = TypeVar("R")
Operation = WithStartWorkflowOperation[Any, Any]
_DESCRIBE_S_MAX = 3
_SIGNAL_WAIT = timedelta(seconds=5)
_STILL_OPEN = "处理中, 请稍后用同一订单号重试"


class WorkflowClosedError(Exception):
    """No workflow is running that could answer: it has ended, or never started. Our row says which."""


class Life(Enum):
    """What Temporal knows about a workflow."""

    UNKNOWN = "unknown"
    RUNNING = "running"
    CLOSED = "closed"


class PaymentWorkflows:
    """Methods raise as `answer_of`, and `PaymentError` UNAVAILABLE."""

    def __init__(self, link: TemporalLink, settings: Settings) -> None:
        self._link = link
        self._task_queue = settings.task_queue
        self._wait = timedelta(seconds=settings.sync_wait_s)

    async def pre_settle(self, start: PaymentStart, fingerprint: str) -> PreSettleAnswer:
        """Start the payment, or join it if it is running, and wait for its split."""
        operation = start_operation(start, self._task_queue)
        return await self._start(operation, PaymentWorkflow.pre_settle, start.order, f"pre-settle-{fingerprint}")

    async def settle(self, request: SettleRequest) -> SettlementAnswer:
        """Ask the payment to settle."""
        return await self._update(request.workflow_id, PaymentWorkflow.settle, request, "settle")

    async def cancel(self, request: CancelRequest) -> str:
        """Ask the payment to withdraw; its state afterwards."""
        workflow_id = payment_workflow_id(request.hospital, request.med_org_ord)
        return await self._update(workflow_id, PaymentWorkflow.cancel, request, "cancel")

    async def notice(self, workflow_id: str) -> None:
        """Hint to the payment that something happened at the centre."""
        client = await self._link.client()
        handle = client.get_workflow_handle(workflow_id)
        await answer_of(handle.signal(PaymentWorkflow.notice, rpc_timeout=_SIGNAL_WAIT), _SIGNAL_WAIT)

    async def reopen(self, start: PaymentStart) -> None:
        """Start a closed payment again, or hint to it if it is running."""
        client = await self._link.client()
        await answer_of(reopen(client, start, self._task_queue, _SIGNAL_WAIT), _SIGNAL_WAIT)

    async def refund(self, start: RefundStart, fingerprint: str) -> RefundState:
        """Start the refund, or join it if it is running, and wait for its end."""
        operation = refund_operation(start, self._task_queue)
        return await self._start(operation, RefundWorkflow.refund, start.order, f"refund-{fingerprint}")

    async def life(self, workflow_id: str) -> Life:
        """Whether the workflow exists and is running. Raises `PaymentError` UNAVAILABLE."""
        client = await self._link.client()
        try:
            description = await client.get_workflow_handle(workflow_id).describe(
                rpc_timeout=timedelta(seconds=_DESCRIBE_S_MAX)
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Life.UNKNOWN
            raise _rpc_failure(error) from None
        return Life.RUNNING if description.status is WorkflowExecutionStatus.RUNNING else Life.CLOSED

    async def _update(self, workflow_id: str, update: UpdateMethodMultiParam[[Any, A], R], argument: A, name: str) -> R:
        handle = (await self._link.client()).get_workflow_handle(workflow_id)
        # A new id each time: the server answers a known one with its first answer again.
        call = handle.execute_update(update, argument, id=f"{name}-{uuid.uuid4()}", rpc_timeout=self._wait)
        return await answer_of(call, self._wait)

    async def _start(
        self, operation: Operation, update: UpdateMethodMultiParam[[Any, A], R], argument: A, update_id: str
    ) -> R:
        client = await self._link.client()
        call = client.execute_update_with_start_workflow(
            update, argument, start_workflow_operation=operation, id=update_id, rpc_timeout=self._wait
        )
        try:
            return await answer_of(call, self._wait)
        except Exception:
            # The operation's handle holds the same failure; unless it is retrieved, asyncio reports it.
            await asyncio.gather(operation.workflow_handle(), return_exceptions=True)
            raise


def fingerprint_of(order: Order | RefundOrder, keyring: Keyring) -> str:
    """Equal for calls that ask for the same thing; part of their update's id.

    Keyed: update ids are clear text in Temporal, and the fields could be guessed.
    """
    return keyring.digest(json.dumps(order.fingerprint_fields(), sort_keys=True, separators=(",", ":")))


async def answer_of(call: Awaitable[R], wait: timedelta) -> R:
    """The answer of an update or signal. Raises `WorkflowClosedError`, or `PaymentError`: PROCESSING after `wait`.

    `rpc_timeout` does not suffice: the server ends its wait after 20 s, and the SDK then polls again without a limit.
    """
    try:
        return await asyncio.wait_for(call, wait.total_seconds())
    except WorkflowUpdateFailedError as error:
        raise _update_failure(error.cause) from None
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
        raise PaymentError(ErrorCode.PROCESSING, _STILL_OPEN) from None
    except WorkflowAlreadyStartedError:
        raise WorkflowClosedError from None
    except RPCError as error:
        raise _rpc_failure(error) from None


def _update_failure(cause: BaseException) -> Exception:
    """A failure typed with an `ErrorCode` is the workflow's answer. Any other means that it ended before answering."""
    if isinstance(cause, ApplicationError) and cause.type is not None and cause.type in ErrorCode.__members__:
        return PaymentError(ErrorCode(cause.type), cause.message)
    return WorkflowClosedError()


def _rpc_failure(error: RPCError) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return WorkflowClosedError()
    logger.warning("temporal_unavailable", status=error.status.name)
    return unavailable()


PAID_SHOWN_AFTER_MS = 500
"""HIS usually books sooner: then PAID is never written, which makes settling faster (docs/decisions)."""


def payment_terms(settings: Settings, hospital: Hospital) -> PaymentTerms:
    """The terms of a payment that starts now. Later changes of the settings do not affect it."""
    centre_timeouts_s = (hospital.centre.timeout_s(transaction) for transaction in DEFAULT_PATHS)
    return PaymentTerms(
        pre_settle_budget_s=settings.pre_settle_budget_s,
        payment_window_s=settings.payment_window_s,
        auto_finish_after_s=settings.auto_finish_after_s,
        his_retry_budget_s=settings.his_retry_budget_s,
        reversal_window_s=settings.reversal_window_s,
        registers=hospital.registers,
        cash_refunded_by=hospital.centre.cash_refunded_by,
        call_timeout_s=math.ceil(max(settings.his_timeout_s, *centre_timeouts_s)),
        his_timeout_s=settings.his_timeout_s,
        paid_shown_after_ms=PAID_SHOWN_AFTER_MS,
    )
