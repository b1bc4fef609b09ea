"""The API and Temporal: one connection, made when first needed, and what each failure of a call means to a caller.

Without Temporal the API starts and answers 503.
"""

import asyncio
import json
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar

import structlog
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RetryConfig, RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from activities.in_flight import InFlight
from domain.errors import ErrorCode, PaymentError
from domain.orders import Order
from domain.refunds import RefundOrder
from security.crypto.keyring import Keyring
from security.tls import temporal_tls
from settings import Settings

logger = structlog.get_logger(__name__)

A = TypeVar("A")
R = TypeVar("R")
Operation = WithStartWorkflowOperation[Any, Any]

CONNECT_S_MAX = 3.0
"""The SDK would give a silent server 30 s, longer than a caller waits."""
HEALTH_S_MAX = 2.0
_DESCRIBE_S_MAX = 3
_STILL_OPEN = "处理中, 请稍后用同一订单号重试"
_RETRIES = RetryConfig(max_elapsed_time_millis=2_000)
"""The SDK retries an unreachable server for 10 s by default; callers should get their 503 sooner."""


def still_open() -> PaymentError:
    """The answer while the workflow has not answered."""
    return PaymentError(ErrorCode.PROCESSING, _STILL_OPEN)


def unavailable() -> PaymentError:
    """The answer while Temporal can't be reached."""
    return PaymentError(ErrorCode.UNAVAILABLE, "支付服务暂不可用, 请稍后用同一订单号重试")


class TemporalLink:
    """One client per process."""

    def __init__(self, settings: Settings, data_converter: DataConverter) -> None:
        self._settings = settings
        self._data_converter = data_converter
        self._client: Client | None = None
        self._connecting = InFlight[Client]()

    async def client(self) -> Client:
        """Raises `PaymentError` UNAVAILABLE."""
        if self._client is None:
            self._client = await self._connecting.join("client", self._connect)
        return self._client

    async def is_reachable(self) -> bool:
        """Whether the server answers right now."""
        with suppress(PaymentError, RPCError, RuntimeError):
            client = await self.client()
            return await client.service_client.check_health(timeout=timedelta(seconds=HEALTH_S_MAX))
        return False

    async def _connect(self) -> Client:
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                return await Client.connect(
                    self._settings.temporal_address,
                    namespace=self._settings.temporal_namespace,
                    data_converter=self._data_converter,
                    retry_config=_RETRIES,
                    tls=temporal_tls(self._settings.temporal_tls_files),
                )
        except (RuntimeError, RPCError, TimeoutError):
            # The SDK raises RuntimeError where nothing answers.
            raise unavailable() from None


class WorkflowClosedError(Exception):
    """No workflow is running that could answer: it has ended, or never started. Our row says which."""


class WorkflowRefusal(PaymentError):
    """A workflow's refusal. `begun_by`: the call that began its update. None: a validator's, which leaves no update."""

    def __init__(self, code: ErrorCode, message: str, begun_by: str | None) -> None:
        super().__init__(code, message)
        self.begun_by = begun_by


class Life(Enum):
    """What Temporal knows about a workflow."""

    UNKNOWN = "unknown"
    RUNNING = "running"
    CLOSED = "closed"


class Workflows:
    """Calls to workflows. Methods raise as `answer_of`, and `PaymentError` UNAVAILABLE."""

    def __init__(self, link: TemporalLink, settings: Settings) -> None:
        self._link = link
        self._wait = timedelta(seconds=settings.sync_wait_s)
        self.task_queue = settings.task_queue

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

    async def start(
        self, operation: Operation, update: UpdateMethodMultiParam[[Any, A], R], argument: A, update_id: str
    ) -> R:
        """Start the workflow, or join it if it is running, and wait for the answer to its first update."""
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
        raise still_open() from None
    except WorkflowAlreadyStartedError:
        raise WorkflowClosedError from None
    except RPCError as error:
        raise _rpc_failure(error) from None


def _update_failure(cause: BaseException) -> Exception:
    """A failure typed with an `ErrorCode` is the workflow's answer. Any other means that it ended before answering."""
    if isinstance(cause, ApplicationError) and cause.type is not None and cause.type in ErrorCode.__members__:
        begun_by = str(cause.details[0]) if cause.details else None
        return WorkflowRefusal(ErrorCode(cause.type), cause.message, begun_by)
    return WorkflowClosedError()


def _rpc_failure(error: RPCError) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return WorkflowClosedError()
    if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
        logger.warning("temporal_exhausted", reason=error.message)
        return PaymentError(ErrorCode.RATE_LIMITED, "该订单的请求过多, 请稍后用同一订单号重试")
    if error.status is RPCStatusCode.FAILED_PRECONDITION:
        # Temporal is there: the workflow's task has failed, for want of time or because of a bug, and is tried again.
        logger.warning("workflow_task_failed", reason=error.message)
        return still_open()
    logger.warning("temporal_unavailable", status=error.status.name)
    return unavailable()
