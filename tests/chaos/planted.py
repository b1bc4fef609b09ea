"""Bugs to be found: each changes the product within a process of a campaign, as a careless edit would.

They sit where the product meets the other parties, its records and its callers: gateways, storage and the API.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from activities import step_log
from api.payments.service import PaymentsService
from domain.base import PaymentKey
from domain.errors import NotSent, Refused, Unknown
from domain.insurance import OrderReference, OrderStatus, RefundAnswer, RefundStatus, Split
from domain.notifications import NotificationEvent
from domain.orders import HisPayment, Order, PreSettleAnswer
from domain.states import PaymentState
from domain.transitions import Effects, Release, effects_of
from gateways.his.http import HttpHospitalSystem
from gateways.insurance.client import HttpInsuranceCentre
from gateways.insurance.port import OrderPlacement, RefundRequest
from storage import projection, session
from storage.bill_locks import BillLockRepository
from storage.evidence.call_log import CallLogRepository
from storage.evidence.steps import StepRepository
from storage.notifications import NotificationRepository
from storage.payments import PaymentRepository
from storage.session import Database
from storage.sql.engines import AnyConnection

PLANT, PROCESS = "CHAOS_PLANT", "CHAOS_PROCESS"
"""The environment variables that name the bug, and the process that has it."""

LATE_S = 1.5
CLOCK_AHEAD = timedelta(seconds=60)

Bug = Callable[[], None]
BUGS: dict[str, Bug] = {}


def plant(name: str) -> None:
    """Put the bug into this process. Raises KeyError for an unknown one."""
    BUGS[name]()


def _bug(put: Bug) -> Bug:
    BUGS[put.__name__] = put
    return put


@_bug
def new_number_is_dropped() -> None:
    """Each 6202 carries the first one's orgBizSer: a repeat is refused."""
    place_order = HttpInsuranceCentre.place_order

    async def placed(self: HttpInsuranceCentre, placement: OrderPlacement) -> Any:  # noqa: ANN401 - handed on
        first = f"{placement.org_biz_ser.rpartition('-')[0]}-1"
        return await place_order(self, placement.model_copy(update={"org_biz_ser": first}))

    _set(HttpInsuranceCentre, "place_order", placed)


@_bug
def refund_number_is_new() -> None:
    """Each 6203 carries a number of its own: a repeat is another refund."""
    refund = HttpInsuranceCentre.refund

    async def refunded(self: HttpInsuranceCentre, request: RefundRequest) -> RefundAnswer:
        number = f"{request.app_refd_sn}-{secrets.token_hex(2)}"
        return await refund(self, request.model_copy(update={"app_refd_sn": number}))

    _set(HttpInsuranceCentre, "refund", refunded)


@_bug
def refund_is_not_sent() -> None:
    """6203 is taken as done without being sent."""

    async def refunded(_self: HttpInsuranceCentre, _request: RefundRequest) -> RefundAnswer:
        return RefundAnswer(status=RefundStatus.SUCC, refd_sn="RF0")

    _set(HttpInsuranceCentre, "refund", refunded)


@_bug
def question_is_skipped() -> None:
    """HIS is not asked whether it has booked: it has not, as far as we know."""

    async def nothing(_self: HttpHospitalSystem, _med_org_ord: str) -> None:
        return None

    _set(HttpHospitalSystem, "settlement_query", nothing)


@_bug
def answer_is_adopted() -> None:
    """6301 is answered with what it said first."""
    query_order = HttpInsuranceCentre.query_order
    known: dict[str, OrderStatus] = {}

    async def remembered(self: HttpInsuranceCentre, reference: OrderReference) -> OrderStatus:
        if reference.pay_ord_id not in known:
            known[reference.pay_ord_id] = await query_order(self, reference)
        return known[reference.pay_ord_id]

    _set(HttpInsuranceCentre, "query_order", remembered)


@_bug
def unknown_is_refused() -> None:
    """A booking whose answer was lost counts as refused."""
    settle = HttpHospitalSystem.settle

    async def settled(self: HttpHospitalSystem, payment: HisPayment) -> str:
        try:
            return await settle(self, payment)
        except Unknown as unknown:
            raise Refused(unknown.transaction, unknown.message) from unknown

    _set(HttpHospitalSystem, "settle", settled)


@_bug
def unknown_is_not_sent() -> None:
    """Whatever the centre did not answer counts as never sent, so the call log says that nothing can have arrived."""
    call = HttpInsuranceCentre._call

    async def called(self: HttpInsuranceCentre, *args: Any, **facts: Any) -> Any:  # noqa: ANN401 - handed on
        try:
            return await call(self, *args, **facts)
        except Unknown as unknown:
            raise NotSent(unknown.transaction, unknown.message) from unknown

    _set(HttpInsuranceCentre, "_call", called)


@_bug
def booking_is_repeated() -> None:
    """A booking whose answer was lost is sent again at once."""
    settle = HttpHospitalSystem.settle

    async def settled(self: HttpHospitalSystem, payment: HisPayment) -> str:
        try:
            return await settle(self, payment)
        except Unknown:
            return await settle(self, payment)

    _set(HttpHospitalSystem, "settle", settled)


@_bug
def visit_is_kept() -> None:
    """A visit that is to be cancelled stays in HIS."""

    async def kept(_self: HttpHospitalSystem, _med_org_ord: str, _visit_id: str, _patient_id: str) -> None:
        return None

    _set(HttpHospitalSystem, "cancel_registration", kept)


@_bug
def amounts_are_not_checked() -> None:
    """The parts of a split may add up to anything."""

    def always(_self: Split, _total_fen: int) -> bool:
        return True

    _set(Split, "adds_up_to", always)


@_bug
def lock_is_forgotten() -> None:
    """Everybody gets the bill."""

    async def taken(_self: BillLockRepository, _key: PaymentKey, _bills: Sequence[str], _at: datetime) -> None:
        return None

    _set(BillLockRepository, "take", taken)


@_bug
def lock_is_released_early() -> None:
    """The bill is free as soon as the patient may pay."""

    def effects(old: PaymentState | None, new: PaymentState) -> Effects:
        if new is PaymentState.PRE_SETTLED:
            return Effects(Release.EVERY_BILL)
        return effects_of(old, new)

    _set(projection, "effects_of", effects)


@_bug
def outbox_is_forgotten() -> None:
    """Nobody is notified."""

    async def nothing(
        _self: NotificationRepository, _key: PaymentKey, _event: NotificationEvent, _at: datetime, _refund_no: str = ""
    ) -> None:
        return None

    _set(NotificationRepository, "add", nothing)


@_bug
def outbox_is_doubled() -> None:
    """A notification has two rows, and so two webhook-ids."""
    add = NotificationRepository.add

    async def twice(
        self: NotificationRepository, key: PaymentKey, event: NotificationEvent, at: datetime, refund_no: str = ""
    ) -> None:
        await add(self, key, event, at, refund_no)
        await add(self, key, event, at, refund_no)

    _set(NotificationRepository, "add", twice)


@_bug
def answer_comes_before_the_commit() -> None:
    """PRE_SETTLED and SETTLED are written a while after they were told: a kill loses them."""
    record, kept, late = PaymentRepository.record, list[Database](), set[asyncio.Task[None]]()
    connect = Database.connect

    async def connected(self: Database) -> None:
        kept.append(self)
        await connect(self)

    async def write(key: PaymentKey, revision: int, at: datetime, facts: dict[str, Any]) -> None:
        await asyncio.sleep(LATE_S)
        async with kept[0].begin() as unit:
            await record(unit.payments, key, revision, at, **facts)

    async def recorded(self: PaymentRepository, key: PaymentKey, revision: int, at: datetime, **facts: Any) -> bool:
        if facts.get("state") not in {PaymentState.PRE_SETTLED, PaymentState.SETTLED}:
            return await record(self, key, revision, at, **facts)
        task = asyncio.create_task(write(key, revision, at, facts))
        late.add(task)
        task.add_done_callback(late.discard)
        return True

    _set(Database, "connect", connected)
    _set(PaymentRepository, "record", recorded)


@_bug
def row_is_not_looked_at() -> None:
    """The API asks the workflow whatever our row says."""

    async def unseen(_self: PaymentsService, _order: Order) -> PreSettleAnswer | None:
        return None

    _set(PaymentsService, "_recorded_pre_settlement", unseen)


@_bug
def moves_are_not_checked() -> None:
    """Any state may follow any other, whoever writes last."""

    def anything(_current: PaymentState, _following: PaymentState) -> bool:
        return True

    _set(projection, "may_follow", anything)


@_bug
def call_log_is_forgotten() -> None:
    """Nothing is known of earlier calls: as if none had left."""

    async def never(_self: CallLogRepository, *_args: object, **_facts: object) -> None:
        return None

    _set(CallLogRepository, "before", never)


@_bug
def results_are_forgotten() -> None:
    """A step that is taken again does everything again."""

    async def never(_self: StepRepository, *_args: object, **_facts: object) -> None:
        return None

    _set(StepRepository, "find", never)


@_bug
def row_is_not_followed() -> None:
    """A workflow that lost a task decides anew, whatever its row says by now."""

    def never(_known: PaymentState, _recorded: PaymentState) -> bool:
        return False

    _set(step_log, "has_moved_on", never)


@_bug
def clock_is_local() -> None:
    """Every process has a clock of its own, and the second worker's is ahead."""
    ahead = CLOCK_AHEAD * (os.environ[PROCESS] == "worker-2")

    async def local(_connection: AnyConnection) -> datetime:
        return datetime.now(UTC) + ahead

    _set(session, "time_of", local)


def _set(owner: object, name: str, value: object) -> None:
    """Raises AttributeError where the product no longer has such a thing, rather than planting nothing."""
    getattr(owner, name)
    setattr(owner, name, value)
