"""Payments: the projection of their workflows, written by activities only."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, exists, insert, or_, select, update

from domain import bills, insurance
from domain.base import PaymentKey
from domain.insurance import Split
from domain.orders import Order
from domain.states import SETTLED_STATES, TERMINAL, UNPAID_ENDS, PaymentState
from security.crypto.keyring import Keyring
from storage import tables
from storage.projection import Projection, Written
from storage.records import PaymentFacts, PaymentLine, PaymentQuery, PaymentRecord, Place
from storage.sealing import RowSeal
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_or_replace, key_of, place_of, table_of
from storage.tables import MESSAGE_CHARS_MAX

_AUTHORISATION_NEEDED = (PaymentState.RECEIVED, PaymentState.PRICED, PaymentState.FEE_UPLOADED)
"""The states in which payAuthNo is kept: until 6202 has used it."""
_UNDER_WAY = frozenset(PaymentState) - TERMINAL


class NoSuchPaymentError(LookupError):
    """Facts were recorded for a payment that was never received: a bug."""


class PaymentRepository:
    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring
        self._projection = Projection(connection)
        self._settlements = SettlementRepository(connection, keyring)

    async def receive(self, order: Order, accepted_at: datetime) -> None:
        """Insert the payment's row, RECEIVED at `accepted_at`. An existing row stays as it is."""
        key = PaymentKey(hospital=order.hospital, med_org_ord=order.med_org_ord)
        await self._projection.receive(key, accepted_at, _order_columns(RowSeal(self._keyring, key), order))

    async def state_of(self, key: PaymentKey) -> PaymentState | None:
        """The payment's state. None: no such row."""
        state = (await self._connection.execute(_STATE, key_of(key))).scalar_one_or_none()
        return None if state is None else PaymentState(state)

    async def lock(self, key: PaymentKey) -> PaymentState | None:
        """The payment's state, locked: no other transaction gets past here before ours has ended. None: no such row."""
        state = (await self._connection.execute(_LOCKED_STATE, key_of(key))).scalar_one_or_none()
        return None if state is None else PaymentState(state)

    async def revision_of(self, key: PaymentKey) -> int:
        """The revision of the row's latest write; 0 if there is no row."""
        return int((await self._connection.execute(_LOCKED, key_of(key))).scalar_one_or_none() or 0)

    async def record(
        self,
        key: PaymentKey,
        revision: int,
        at: datetime,
        *,
        state: PaymentState | None = None,
        facts: PaymentFacts | None = None,
        by_question: bool = False,
    ) -> bool:
        """Write what became known at `at`; whether it was. Also true where the payment came to the end `state` before.

        A refused write changes nothing: a newer `revision` was written, or `state` may not follow the row's
        (`domain.states.TRANSITIONS`). `by_question`: the writer has only asked, and no answer takes a payment out of
        IN_REVIEW. An end keeps the facts that came with it, except those of `_learnt_at`.

        Raises `NoSuchPaymentError` if the payment was never received.
        """
        facts = facts or PaymentFacts()
        columns = _fact_columns(RowSeal(self._keyring, key), facts)
        if state is None:
            written = await self._projection.learn(key, revision, at, columns, _learnt_at(facts))
        else:
            if state not in _AUTHORISATION_NEEDED:
                columns["pay_auth_no_sealed"] = None
            written = await self._projection.write(key, revision, at, state, columns, by_question=by_question)
        if written is Written.WRITTEN and facts.settlement is not None:
            await self._settlements.settled(key, facts.settlement)
        if not written and not await self._exists(key):
            raise NoSuchPaymentError(key.med_org_ord)
        return bool(written)

    async def remark(self, key: PaymentKey, note: str, at: datetime) -> None:
        """Write a note for operators on a settled payment, whose state and answers stay as they are."""
        await self._connection.execute(_REMARKED, key_of(key) | {"note": note, "updated_at": at})

    async def forget_authorisations(self, hospitals: Collection[str], accepted_before: datetime) -> int:
        """Delete the payAuthNo of payments accepted before then that never got past 6202; how many.

        Payments that reach PRE_SETTLED or end lose theirs at once (product rule 12).
        """
        values = {"hospitals": list(hospitals), "accepted_before": accepted_before}
        return (await self._connection.execute(_FORGET, values)).rowcount

    async def find(self, key: PaymentKey) -> PaymentRecord | None:
        """The payment with its settlement. Raises `security.crypto.keyring.SealBrokenError`."""
        row = (await self._connection.execute(_FIND, key_of(key))).mappings().one_or_none()
        if row is None:
            return None
        values = RowSeal(self._keyring, key).values({**row})
        return _payment_record(values, await self._settlements.find(key))

    async def page(self, query: PaymentQuery, rows_max: int, after: Place | None = None) -> list[PaymentLine]:
        """At most `rows_max` payments, newest first, following `after`."""
        found = await self._connection.execute(_listed(query, after).limit(rows_max))
        return [PaymentLine(**row) for row in found.mappings()]

    async def _exists(self, key: PaymentKey) -> bool:
        return bool((await self._connection.execute(_EXISTS, key_of(key))).scalar_one())


class FeeLineRepository:
    """The fee lines behind a payment's total."""

    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def of_payment(self, key: PaymentKey) -> tuple[bills.FeeLine, ...]:
        """The payment's fee lines, in HIS's order."""
        found = await self._connection.execute(_LINES, key_of(key))
        return tuple(bills.FeeLine(**row) for row in found.mappings())

    async def replace(self, key: PaymentKey, lines: Sequence[bills.FeeLine]) -> None:
        """Replace the payment's fee lines by `lines`. The payment's row must exist."""
        # Lock the payment's row, or two concurrent writers would insert the same positions.
        await self._connection.execute(_LOCKED, key_of(key))
        await self._connection.execute(_LINES_DELETED, key_of(key))
        rows = [
            place_of(key) | {"position": position, **line.model_dump()} for position, line in enumerate(lines, start=1)
        ]
        if rows:
            await self._connection.execute(_LINES_INSERTED, rows)


class SettlementRepository:
    """What the centre settled and HIS booked: one row per payment."""

    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    async def settled(self, key: PaymentKey, settlement: insurance.Settlement) -> None:
        """Write the centre's settlement, replacing an earlier one but not what HIS has booked."""
        values = RowSeal(self._keyring, key).columns(
            settlement.model_dump(exclude={"split"}) | settlement.split.model_dump()
        )
        statement = insert_or_replace(self._connection, _SETTLEMENT, tuple(values))
        await self._connection.execute(statement, place_of(key) | values)

    async def booked(self, key: PaymentKey, settlement_no: str, at: datetime) -> None:
        """Write HIS's settlement number, and when we first knew it."""
        values = {"settlement_no": settlement_no, "booked_at": at}
        await self._connection.execute(_BOOKED, values | key_of(key))

    async def find(self, key: PaymentKey) -> insurance.Settlement | None:
        row = (await self._connection.execute(_FIND_SETTLEMENT, key_of(key))).mappings().one_or_none()
        if row is None:
            return None
        values = RowSeal(self._keyring, key).values({**row})
        split = Split(**{name: values[name] for name in Split.model_fields})
        rest = {name: values[name] for name in insurance.Settlement.model_fields if name != "split"}
        return insurance.Settlement(**rest | {"split": split, "revs_token": values["revs_token"] or ""})

    async def forget_tokens(self, at: datetime) -> int:
        """Delete every revsToken that has expired at `at` (product rule 12); how many."""
        return (await self._connection.execute(_TOKENS_FORGOTTEN, {"now": at})).rowcount


_ORDER_IDS_SEPARATOR = "|"
_CUT = frozenset({"error_message", "note"})
_OWN_COLUMNS = frozenset({"order", "split", "settlement"})


def _order_columns(seal: RowSeal, order: Order) -> dict[str, Any]:
    """An order's columns. `visit_id` starts as the caller's, until HIS says otherwise."""
    values = order.model_dump(mode="json")
    values["order_ids"] = _ORDER_IDS_SEPARATOR.join(order.order_ids)
    values["ordered_visit_id"] = order.visit_id
    return seal.columns(values)


def _fact_columns(seal: RowSeal, facts: PaymentFacts) -> dict[str, Any]:
    """The columns of the facts that are set, except the settlement, which has its own table."""
    values = facts.model_dump(exclude_unset=True, exclude={"split", "settlement"})
    if "split" in facts.model_fields_set:
        values |= {name: getattr(facts.split, name, None) for name in Split.model_fields}
    for name in _CUT & values.keys():
        values[name] = values[name][:MESSAGE_CHARS_MAX]
    return seal.columns(values)


def _learnt_at(facts: PaymentFacts) -> frozenset[PaymentState]:
    """The states that leave room for `facts` without a move. What was told of an end stays as it was told.

    Money may arrive after an unpaid end, and our visit is cancelled once the money is back.
    """
    if facts.model_fields_set <= {"settlement"}:
        return _UNDER_WAY | UNPAID_ENDS
    if facts.model_fields_set <= {"visit_id", "registered_by_us"}:
        return _UNDER_WAY | {PaymentState.REVERSED}
    return _UNDER_WAY


def _payment_record(values: Mapping[str, Any], settlement: insurance.Settlement | None) -> PaymentRecord:
    """The record of a row whose seals are opened."""
    facts = {
        name: values[name]
        for name in PaymentRecord.model_fields.keys() - _OWN_COLUMNS
        # A NULL takes the model's default.
        if values[name] is not None
    }
    return PaymentRecord(order=_order(values), split=_split(values), settlement=settlement, **facts)


def _order(values: Mapping[str, Any]) -> Order:
    columns = {name: values[name] for name in Order.model_fields}
    order_ids = values["order_ids"]
    columns["order_ids"] = tuple(order_ids.split(_ORDER_IDS_SEPARATOR)) if order_ids else ()
    columns["visit_id"] = values["ordered_visit_id"]
    columns["pay_auth_no"] = values["pay_auth_no"] or ""
    return Order(**columns)


def _split(values: Mapping[str, Any]) -> Split | None:
    if values["fee_sum_fen"] is None:
        return None
    return Split(**{name: values[name] for name in Split.model_fields})


_PAYMENT, _LINE, _SETTLEMENT = table_of(tables.Payment), table_of(tables.FeeLine), table_of(tables.Settlement)
_FIND = select(_PAYMENT).where(*here(_PAYMENT))
_EXISTS = select(exists().where(*here(_PAYMENT)))
_FORGET = (
    update(_PAYMENT)
    .where(
        # Runs every minute; the index by state finds the few payments in progress.
        _PAYMENT.c.hospital.in_(bindparam("hospitals", expanding=True)),
        _PAYMENT.c.state.in_([state.value for state in _AUTHORISATION_NEEDED]),
        _PAYMENT.c.accepted_at <= bindparam("accepted_before"),
        _PAYMENT.c.pay_auth_no_sealed.is_not(None),
    )
    .values(pay_auth_no_sealed=None)
)
_REMARKED = update(_PAYMENT).where(
    *here(_PAYMENT), _PAYMENT.c.state.in_(sorted(state.value for state in SETTLED_STATES))
)
_STATE = select(_PAYMENT.c.state).where(*here(_PAYMENT))
_LOCKED_STATE = _STATE.with_for_update()
_LOCKED = select(_PAYMENT.c.revision).where(*here(_PAYMENT)).with_for_update()
_LINES = select(*(_LINE.c[name] for name in bills.FeeLine.model_fields)).where(*here(_LINE)).order_by(_LINE.c.position)
_LINES_DELETED = delete(_LINE).where(*here(_LINE))
_LINES_INSERTED = insert(_LINE)
_FIND_SETTLEMENT = select(_SETTLEMENT).where(*here(_SETTLEMENT))
_BOOKED = update(_SETTLEMENT).where(*here(_SETTLEMENT), _SETTLEMENT.c.settlement_no.is_(None))
_TOKENS_FORGOTTEN = (
    update(_SETTLEMENT)
    .where(_SETTLEMENT.c.revs_token_sealed.is_not(None), _SETTLEMENT.c.reversal_deadline <= bindparam("now"))
    .values(revs_token_sealed=None)
)
_LISTED = [_PAYMENT.c[name] for name in PaymentLine.model_fields]


def _listed(query: PaymentQuery, after: Place | None) -> Select[Any]:
    """Keyset pagination: a page begins at the place where the last one ended, not at an offset."""
    accepted_at, med_org_ord = _PAYMENT.c.accepted_at, _PAYMENT.c.med_org_ord
    statement = select(*_LISTED).where(_PAYMENT.c.hospital == query.hospital)
    for name, wanted in (("state", query.state), ("channel", query.channel), ("category", query.category)):
        if wanted is not None:
            statement = statement.where(_PAYMENT.c[name] == wanted.value)
    if query.begins is not None:
        statement = statement.where(accepted_at >= query.begins)
    if query.ends is not None:
        statement = statement.where(accepted_at < query.ends)
    if after is not None:
        # The first condition is redundant, but lets the index begin there.
        same_moment = and_(accepted_at == after.accepted_at, med_org_ord < after.med_org_ord)
        statement = statement.where(accepted_at <= after.accepted_at, or_(accepted_at < after.accepted_at, same_moment))
    return statement.order_by(accepted_at.desc(), med_org_ord.desc())
