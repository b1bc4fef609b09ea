"""Valid calls about payments, answered from our row where it suffices, else by the workflow (product rules 1, 2)."""

from http import HTTPStatus
from typing import Final

from activities.in_flight import InFlight
from api.access.admission import Admission, Urgency
from api.payments.not_paid import INTERVAL_S, NotPaidBrake
from api.payments.path import unknown_order
from api.payments.recorded import (
    check_same_payment,
    check_same_transaction,
    pre_settle_answer,
    settlement_answer,
    withdrawn_state,
)
from api.payments.reopening import take_up
from api.payments.schemas import check_visit_id
from api.payments.workflows import PaymentWorkflows
from api.temporal import Life, WorkflowClosedError, fingerprint_of, still_open
from api.updates import Question
from api.web.errors import ApiError
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError
from domain.ids import payment_workflow_id
from domain.orders import (
    NOT_ORDERED,
    CancelRequest,
    Order,
    PaymentStart,
    PaymentTerms,
    PreSettleAnswer,
    SettlementAnswer,
    SettleRequest,
)
from domain.states import PaymentState, has_reached
from security.crypto.keyring import Keyring
from storage.records import PaymentLine, PaymentQuery, PaymentRecord, Place, RefundRecord, TimelineEntry
from storage.session import Database

PAGE_ROWS: Final = 50
_PRE_SETTLING: Final = frozenset({PaymentState.RECEIVED, PaymentState.PRICED, PaymentState.FEE_UPLOADED})
_BOOKING: Final = frozenset({PaymentState.PAID, PaymentState.REGISTERED, PaymentState.REVERSING})
Look = tuple[PaymentRecord, list[TimelineEntry], list[RefundRecord]]
"""A payment, its timeline and its refunds."""


class PaymentsService:
    """Every method raises `PaymentError`. Decides nothing: rows and workflows do."""

    def __init__(self, database: Database, workflows: PaymentWorkflows, keyring: Keyring, admission: Admission) -> None:
        self._database = database
        self._admission = admission
        self._workflows = workflows
        self._keyring = keyring
        self._pre_settling = InFlight[PreSettleAnswer]()
        self._settling = InFlight[SettlementAnswer]()
        self._cancelling = InFlight[PaymentState]()
        self._brake = NotPaidBrake()

    async def pre_settle(self, order: Order, terms: PaymentTerms) -> PreSettleAnswer:
        """Interface 1. Identical concurrent calls share one answer."""
        fingerprint = fingerprint_of(order, self._keyring)
        return await self._pre_settling.join(
            (order.workflow_id, fingerprint), lambda: self._pre_settle(order, terms, fingerprint)
        )

    async def settle(self, request: SettleRequest, terms: PaymentTerms) -> SettlementAnswer:
        """Interface 2. Identical concurrent calls share one answer."""
        return await self._settling.join(request, lambda: self._settle(request, terms))

    async def cancel(self, key: PaymentKey, by: str, terms: PaymentTerms) -> PaymentState:
        """Withdraw before payment; the state afterwards. `by`: the key's name. Concurrent calls share one answer."""
        return await self._cancelling.join(key, lambda: self._cancel(key, by, terms))

    async def look(self, key: PaymentKey) -> Look | None:
        """The payment, its timeline and refunds; None if it runs but has no row yet. Raises UNKNOWN_ORDER with 404."""
        if (found := await self._look(key)) is not None:
            return found
        if await self._life(key) is Life.RUNNING:
            return None
        # Its row may have come since, and its workflow have closed.
        if (found := await self._look(key)) is None:
            raise unknown_order(HTTPStatus.NOT_FOUND)
        return found

    async def page(self, query: PaymentQuery, after: Place | None) -> tuple[list[PaymentLine], Place | None]:
        """At most `PAGE_ROWS` payments, newest first, and where the next page begins, if there is one."""
        async with self._database.read() as unit:
            lines = await unit.payments.page(query, PAGE_ROWS + 1, after)
        shown = lines[:PAGE_ROWS]
        if len(lines) == len(shown):
            return shown, None
        return shown, Place(accepted_at=shown[-1].accepted_at, med_org_ord=shown[-1].med_org_ord)

    async def _look(self, key: PaymentKey) -> Look | None:
        async with self._database.read() as unit:
            record = await unit.payments.find(key)
            if record is None:
                return None
            refunds = await unit.refunds.of_payment(key)
            return record, await unit.timeline.of_payment(key), refunds

    async def _pre_settle(self, order: Order, terms: PaymentTerms, fingerprint: str) -> PreSettleAnswer:
        with self._admission.admitted(order, Urgency.NEW_PAYMENT):
            return await self._answer_pre_settle(order, terms, fingerprint)

    async def _answer_pre_settle(self, order: Order, terms: PaymentTerms, fingerprint: str) -> PreSettleAnswer:
        recorded = await self._recorded_pre_settlement(order)
        if recorded is not None:
            return recorded
        try:
            answer = await self._workflows.pre_settle(PaymentStart(order=order, terms=terms), fingerprint)
        except WorkflowClosedError:
            recorded = await self._recorded_pre_settlement(order)
            if recorded is None:
                raise await self._broken_off(order, terms) from None
            return recorded
        except PaymentError as error:
            if (recorded := await self._recorded_pre_settlement(order)) is None:
                raise await self._going_on_or(error, order, _PRE_SETTLING) from None
            return recorded
        # Temporal repeats the first answer to an update id, also where the order has since been revoked.
        if await self._has_reached(order, PaymentState.PRE_SETTLED):
            return answer
        return await self._recorded_pre_settlement(order) or answer

    async def _recorded_pre_settlement(self, order: Order) -> PreSettleAnswer | None:
        record = await self._find(order)
        if record is None:
            return None
        check_same_transaction(record, order)
        return pre_settle_answer(record)

    async def _settle(self, request: SettleRequest, terms: PaymentTerms) -> SettlementAnswer:
        with self._admission.admitted(request, Urgency.UNDER_WAY):
            return await self._answer_settle(request, terms)

    async def _answer_settle(self, request: SettleRequest, terms: PaymentTerms) -> SettlementAnswer:
        key = PaymentKey(hospital=request.hospital, med_org_ord=request.med_org_ord)
        question = self._workflows.settling(request)
        record, number = await self._look_before(key, question)
        if record is None:
            raise await self._without_row(key)
        check_same_payment(record, request)
        check_visit_id(request, record.order, terms.registers)
        answer = settlement_answer(record, request)
        if answer is not None:
            return answer
        if record.state is PaymentState.PRE_SETTLED and (last := self._brake.held_back(key)):
            raise ApiError(last.code, last.message, retry_after_s=round(INTERVAL_S))
        try:
            answer = await self._workflows.settle(question, number)
        except WorkflowClosedError:
            if (recorded := await self._recorded_settlement(key, request)) is None:
                raise await self._broken_off(key, terms) from None
            return recorded
        except PaymentError as error:
            if (recorded := await self._recorded_settlement(key, request)) is None:
                if error.code is ErrorCode.NOT_PAID:
                    self._brake.note(key, error)
                raise await self._going_on_or(error, key, _BOOKING) from None
            return recorded
        self._brake.forget(key)
        if await self._has_reached(key, PaymentState.SETTLED):
            return answer
        return await self._recorded_settlement(key, request) or answer

    async def _recorded_settlement(self, key: PaymentKey, request: SettleRequest) -> SettlementAnswer | None:
        record = await self._find(key)
        return None if record is None else settlement_answer(record, request)

    async def _cancel(self, key: PaymentKey, by: str, terms: PaymentTerms) -> PaymentState:
        with self._admission.admitted(key, Urgency.UNDER_WAY):
            return await self._answer_cancel(key, by, terms)

    async def _answer_cancel(self, key: PaymentKey, by: str, terms: PaymentTerms) -> PaymentState:
        request = CancelRequest(hospital=key.hospital, med_org_ord=key.med_org_ord, by=by)
        question = self._workflows.cancelling(request)
        record, number = await self._look_before(key, question)
        state = withdrawn_state(record) if record is not None else None
        if state is not None:
            return state
        try:
            state = await self._workflows.cancel(question, number)
        except WorkflowClosedError:
            if (recorded := await self._recorded_withdrawal(key)) is None:
                raise await self._broken_off(key, terms) from None
            return recorded
        except PaymentError:
            if (recorded := await self._recorded_withdrawal(key)) is None:
                raise
            return recorded
        return await self._recorded_withdrawal(key) or state

    async def _recorded_withdrawal(self, key: PaymentKey) -> PaymentState | None:
        record = await self._find(key)
        return None if record is None else withdrawn_state(record)

    async def _going_on_or(self, error: PaymentError, key: PaymentKey, states: frozenset[PaymentState]) -> PaymentError:
        """PROCESSING where Temporal cannot be reached, and our row says that what the call asks for goes on.

        `states`: those in which it does.
        """
        if error.code is not ErrorCode.UNAVAILABLE:
            return error
        async with self._database.read() as unit:
            return still_open() if await unit.payments.state_of(key) in states else error

    async def _broken_off(self, key: PaymentKey, terms: PaymentTerms) -> PaymentError:
        """The answer where the workflow has closed although our row says that it is running, or there is none."""
        record = await self._find(key)
        if record is None:
            return await self._without_row(key)
        return await take_up(self._database, self._workflows, record, terms)

    async def _without_row(self, key: PaymentKey) -> PaymentError:
        match await self._life(key):
            case Life.RUNNING:
                return PaymentError(ErrorCode.PROCESSING, "该订单正在下单, 请稍后重试")
            case Life.CLOSED:
                # Somebody terminated it before it had done anything. Nothing follows, however often one asks.
                return PaymentError(ErrorCode.INSURANCE_UNAVAILABLE, NOT_ORDERED)
        return unknown_order()

    async def _life(self, key: PaymentKey) -> Life:
        return await self._workflows.life(payment_workflow_id(key.hospital, key.med_org_ord))

    async def _look_before(self, key: PaymentKey, question: Question) -> tuple[PaymentRecord | None, int]:
        """The row, and the number of the question in case that the row does not answer it."""
        async with self._database.read() as unit:
            number = await unit.update_numbers.current(question.workflow_id, question.name)
            return await unit.payments.find(key), number

    async def _has_reached(self, key: PaymentKey, milestone: PaymentState) -> bool:
        """Whether the row says so: cheaper than the whole payment with its seals."""
        async with self._database.read() as unit:
            state = await unit.payments.state_of(key)
        return state is not None and has_reached(state, milestone)

    async def _find(self, key: PaymentKey) -> PaymentRecord | None:
        async with self._database.read() as unit:
            return await unit.payments.find(key)
