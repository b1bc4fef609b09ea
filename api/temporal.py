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
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RetryConfig, RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from activities.in_flight import InFlight
from api.web.errors import ApiError
from domain.errors import ErrorCode, PaymentError, ToldRefusal
from domain.orders import Order
from domain.refunds import RefundOrder
from security.crypto.keyring import Keyring, SealBrokenError
from security.crypto.sealed_values import NotSealedError, detail_of
from security.tls import temporal_tls
from settings import Settings

logger = structlog.get_logger(__name__)

Ordered = TypeVar("Ordered", bound=Order | RefundOrder)
R = TypeVar("R")
Operation = WithStartWorkflowOperation[Any, Any]

CONNECT_S_MAX = 3.0
"""The SDK would give a silent server 30 s, longer than a caller waits."""
HEALTH_S_MAX = 2.0
_DESCRIBE_S_MAX = 3
_STILL_OPEN = "处理中, 请稍后用同一订单号重试"
_TOO_MANY_AT_ONCE = "in-flight updates"
_TOO_MANY_EVER = "total number of distinct updates"
"""Temporal tells its two limits on a workflow's updates from other failures by words alone."""

RETRY_AFTER_LIMIT_S = 60
"""A payment that has used up its updates goes on by itself: in a minute its row may have the answer."""

_OURS = frozenset({"PaymentWorkflow", "RefundWorkflow"})
_NOT_OURS = "not medpay's, under the id of a payment"
_TYPE_SHOWN = 64

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
        """Whether the server answers right now, and has our namespace."""
        with suppress(PaymentError, RPCError, RuntimeError):
            client = await self.client()
            request = DescribeNamespaceRequest(namespace=client.namespace)
            await client.workflow_service.describe_namespace(request, timeout=timedelta(seconds=HEALTH_S_MAX))
            return True
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


class NoAnswerError(Exception):
    """Nobody has answered in time. Whether what was asked has begun is not known."""


class ForgedAnswerError(NoAnswerError):
    """Somebody answered, but not our workflow: what it says is not sealed, or for another update."""


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
    """Calls to workflows. Methods raise `WorkflowClosedError` and `PaymentError`.

    PROCESSING is raised only of a workflow that Temporal says is running, UNAVAILABLE where it says nothing.
    """

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
            failure = _rpc_failure(error)
            if isinstance(failure, WorkflowClosedError):
                return Life.UNKNOWN
            raise failure from None
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return Life.CLOSED
        if description.workflow_type in _OURS and description.task_queue == self.task_queue:
            return Life.RUNNING
        await self._clear(description)
        return Life.UNKNOWN

    async def _clear(self, squatter: WorkflowExecutionDescription) -> None:
        """Somebody else's workflow has the id of one of ours: it would never answer, and ours could not begin."""
        logger.error("temporal_id_taken", workflow_id=squatter.id, workflow_type=squatter.workflow_type[:_TYPE_SHOWN])
        client = await self._link.client()
        try:
            await client.get_workflow_handle(squatter.id, run_id=squatter.run_id).terminate(reason=_NOT_OURS)
        except RPCError as error:
            raise _rpc_failure(error) from None

    async def start(
        self, operation: Operation, update: UpdateMethodMultiParam[[Any, Ordered], R], order: Ordered, update_id: str
    ) -> R:
        """Start the workflow, or join it if it is running, and wait for the answer to its first update."""
        client = await self._link.client()
        call = client.execute_update_with_start_workflow(
            update, order, start_workflow_operation=operation, id=update_id, rpc_timeout=self._wait
        )
        try:
            return await answer_of(call, self._wait, update_id)
        except Exception as error:
            # The operation's handle holds the same failure; unless it is retrieved, asyncio reports it.
            await asyncio.gather(operation.workflow_handle(), return_exceptions=True)
            if not isinstance(error, NoAnswerError):
                raise
        if (life := await self.life(order.workflow_id)) is Life.UNKNOWN:
            # Nothing has begun: Temporal was silent, and is there again.
            raise unavailable()
        raise _open_or_closed(life)

    async def answered(self, workflow_id: str, update_id: str, call: Awaitable[R], wait: timedelta) -> R:
        """The answer of an update that was sent to this workflow. Raises `ForgedAnswerError` as well."""
        try:
            return await answer_of(call, wait, update_id)
        except ForgedAnswerError:
            raise
        except NoAnswerError:
            raise _open_or_closed(await self.life(workflow_id)) from None


def fingerprint_of(order: Order | RefundOrder, keyring: Keyring) -> str:
    """Equal for calls that ask for the same thing; part of their update's id.

    Keyed: update ids are clear text in Temporal, and the fields could be guessed.
    """
    return keyring.digest(json.dumps(order.fingerprint_fields(), sort_keys=True, separators=(",", ":")))


async def delivered(call: Awaitable[object], wait: timedelta) -> None:
    """Return once Temporal has a signal or a start. Raises `WorkflowClosedError`, or `PaymentError` UNAVAILABLE."""
    try:
        await answer_of(call, wait)
    except NoAnswerError:
        raise unavailable() from None


async def answer_of(call: Awaitable[R], wait: timedelta, update_id: str = "") -> R:
    """The answer to a call. Raises `NoAnswerError` after `wait`, `WorkflowClosedError` or `PaymentError`.

    `update_id`: of an update, whose refusal counts only if the workflow sealed it for this very update.

    `rpc_timeout` does not suffice: the server ends its wait after 20 s, and the SDK then polls again without a limit.
    """
    try:
        return await asyncio.wait_for(call, wait.total_seconds())
    except WorkflowUpdateFailedError as error:
        raise _update_failure(error.cause, update_id) from None
    except (NotSealedError, SealBrokenError) as error:
        logger.warning("temporal_answer_refused", update_id=update_id, reason=str(error))
        raise ForgedAnswerError from None
    except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
        raise NoAnswerError from None
    except WorkflowAlreadyStartedError:
        raise WorkflowClosedError from None
    except RPCError as error:
        raise _rpc_failure(error) from None


def _update_failure(cause: BaseException, update_id: str) -> Exception:
    """What the workflow sealed is its answer. A failure of the SDK or the server means that it ended before answering.

    Anybody who reaches Temporal can answer in the workflow's place, but not with its seal.
    """
    told = detail_of(cause, ToldRefusal)
    if told is not None and told.update_id == update_id:
        return WorkflowRefusal(told.code, told.message, told.begun_by)
    if isinstance(cause, ApplicationError) and cause.type in ErrorCode.__members__:
        logger.warning("temporal_answer_refused", update_id=update_id, reason="a refusal that is not sealed for it")
        return ForgedAnswerError()
    return WorkflowClosedError()


def _rpc_failure(error: RPCError) -> Exception:
    match error.status:
        case RPCStatusCode.NOT_FOUND if not _is_about_namespace(error):
            return WorkflowClosedError()
        case RPCStatusCode.RESOURCE_EXHAUSTED:
            logger.warning("temporal_exhausted", reason=error.message)
            whose = "该订单的请求过多" if _TOO_MANY_AT_ONCE in error.message else "支付服务繁忙"
            return PaymentError(ErrorCode.RATE_LIMITED, f"{whose}, 请稍后用同一订单号重试")
        case RPCStatusCode.FAILED_PRECONDITION if _TOO_MANY_EVER in error.message:
            logger.warning("workflow_updates_used_up", reason=error.message)
            message = "该订单的调用次数已达上限, 本次调用未受理; 支付仍会自动完成, 请稍后查询"
            return ApiError(ErrorCode.RATE_LIMITED, message, retry_after_s=RETRY_AFTER_LIMIT_S)
        case RPCStatusCode.FAILED_PRECONDITION:
            # Temporal is there: the workflow's task has failed, for want of time or because of a bug, and is tried
            # again.
            logger.warning("workflow_task_failed", reason=error.message)
            return still_open()
    logger.warning("temporal_unavailable", status=error.status.name, reason=error.message)
    return unavailable()


def _is_about_namespace(error: RPCError) -> bool:
    """Whether it is our namespace that Temporal does not know, and not the workflow."""
    details = error.grpc_status.details if error.grpc_status is not None else ()
    return any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in details)


def _open_or_closed(life: Life) -> Exception:
    return still_open() if life is Life.RUNNING else WorkflowClosedError()
