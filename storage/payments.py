"""The payment's row: the projection of its workflow, written by the activities, read by everybody."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Update, and_, bindparam, exists, insert, or_, select, update
from sqlmodel import col

from domain.base import PaymentKey
from domain.notifications import EVENT_NAMES
from domain.orders import Order
from domain.states import PaymentState, may_follow
from security.crypto.keyring import Keyring
from storage.consequences import Consequences
from storage.notices import NoticeRepository
from storage.notifications import NotificationRepository
from storage.payment_rows import fact_columns, order_columns, payment_record
from storage.records import PaymentFacts, PaymentRecord, TimelineEntry, TimelineKind
from storage.sealing import ERASED, RowSeal
from storage.settlements import SettlementRepository
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_if_new, key_of, place_of, table_of
from storage.tables import Payment, RemoteCall, ReviewEvent, StateChange

_BEFORE_THE_FIRST = 0
"""The revision of a row that was only just inserted; the workflow counts from 1."""


class NoSuchPaymentError(LookupError):
    """Facts for a payment that has no row, and no order to make one from: a bug."""


class PaymentRepository:
    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring
        self._settlements = SettlementRepository(connection, keyring)
        self._consequences = Consequences(connection)
        self._notices = NoticeRepository(connection)
        self._notifications = NotificationRepository(connection)

    async def record(
        self,
        key: PaymentKey,
        revision: int,
        at: datetime,
        *,
        state: PaymentState | None = None,
        facts: PaymentFacts | None = None,
        order: Order | None = None,
        accepted_at: datetime | None = None,
    ) -> bool:
        """Write what became known at `at`, unless a newer `revision` has written; whether it was written.

        The newest revision wins, whatever order the writers come in. Within one revision, which a repeated activity
        carries again, the state only goes forward. `order` makes the row where it is missing, RECEIVED at
        `accepted_at`. Raises `NoSuchPaymentError` if there is no row and no `order`.
        """
        if order is not None:
            await self._receive(key, order, accepted_at or at)
        columns = fact_columns(RowSeal(self._keyring, key), facts or PaymentFacts())
        if state is not None and state not in _AUTHORISATION_SERVES:
            columns["pay_auth_no_sealed"] = ERASED
        written = await self._update(key, revision, at, state, columns | {"revision": revision, "updated_at": at})
        if written and facts is not None and facts.settlement is not None:
            await self._settlements.settled(key, facts.settlement)
        if not written and not await self._exists(key):
            raise NoSuchPaymentError(key.med_org_ord)
        return written

    async def forget_authorisations(self, hospitals: Collection[str], accepted_before: datetime) -> int:
        """Delete the payAuthNo of payments that came no further than 6202 and were accepted before then; how many.

        A payment that reaches PRE_SETTLED, or ends, has lost its own already (product rule 12).
        """
        values = {"hospitals": list(hospitals), "accepted_before": accepted_before}
        return (await self._connection.execute(_FORGET, values)).rowcount

    async def forget_used_authorisations(self) -> int:
        """The same for all that came further: of rows that were written before payAuthNo was deleted with the step."""
        return (await self._connection.execute(_FORGET_USED)).rowcount

    async def find(self, key: PaymentKey) -> PaymentRecord | None:
        """The payment with its settlement. Raises `security.crypto.keyring.SealBrokenError`."""
        row = (await self._connection.execute(_FIND, key_of(key))).mappings().one_or_none()
        if row is None:
            return None
        values = RowSeal(self._keyring, key).values({**row})
        return payment_record(values, await self._settlements.find(key))

    async def timeline(self, key: PaymentKey) -> list[TimelineEntry]:
        """All that happened to it, in order of time. A state comes after the call of the same moment."""
        entries = [
            *await self._notices.timeline(key),
            *await self._calls(key),
            *await self._states(key),
            *await self._notifications.timeline(key),
            *await self._decisions(key),
        ]
        return sorted(entries, key=lambda entry: entry.at)

    async def _receive(self, key: PaymentKey, order: Order, accepted_at: datetime) -> None:
        columns = order_columns(RowSeal(self._keyring, key), order) | {
            "revision": _BEFORE_THE_FIRST,
            "state": PaymentState.RECEIVED.value,
            "state_since": accepted_at,
            "accepted_at": accepted_at,
            "updated_at": accepted_at,
        }
        statement = insert_if_new(self._connection, _PAYMENT)
        if (await self._connection.execute(statement, columns)).rowcount == 1:
            await self._note(key, _BEFORE_THE_FIRST, PaymentState.RECEIVED, accepted_at)

    async def _update(
        self, key: PaymentKey, revision: int, at: datetime, state: PaymentState | None, columns: dict[str, Any]
    ) -> bool:
        """First as a change of state, else as facts of the same one. Each is one conditional UPDATE, safe in a race."""
        values = columns | key_of(key) | {"key_revision": revision}
        if state is None:
            return await self._written(_FACTS, values)
        if await self._written(_move_to(state), values | {"state": state.value, "state_since": at}):
            await self._note(key, revision, state, at)
            await self._consequences.follow(key, state, at)
            return True
        return await self._written(_STAY, values | {"key_state": state.value})

    async def _written(self, statement: Update, values: dict[str, Any]) -> bool:
        return (await self._connection.execute(statement, values)).rowcount == 1

    async def _note(self, key: PaymentKey, revision: int, state: PaymentState, at: datetime) -> None:
        values = place_of(key) | {"revision": revision, "state": state.value, "at": at}
        await self._connection.execute(_CHANGED, values)

    async def _exists(self, key: PaymentKey) -> bool:
        return bool((await self._connection.execute(select(exists().where(*_is(key))))).scalar_one())

    async def _calls(self, key: PaymentKey) -> list[TimelineEntry]:
        statement = select(RemoteCall).where(
            col(RemoteCall.hospital) == key.hospital, col(RemoteCall.med_org_ord) == key.med_org_ord
        )
        rows = (await self._connection.execute(statement.order_by(col(RemoteCall.id)))).mappings()
        return [
            TimelineEntry(
                at=row["begun_at"],
                kind=TimelineKind.WEBHOOK if row["transaction"] in EVENT_NAMES else TimelineKind.CALL,
                name=row["transaction"],
                outcome=row["outcome"],
                duration_ms=row["duration_ms"],
                message=row["message"] or "",
            )
            for row in rows
        ]

    async def _states(self, key: PaymentKey) -> list[TimelineEntry]:
        statement = select(StateChange).where(
            col(StateChange.hospital) == key.hospital, col(StateChange.med_org_ord) == key.med_org_ord
        )
        rows = (await self._connection.execute(statement.order_by(col(StateChange.id)))).mappings()
        return [TimelineEntry(at=row["at"], kind=TimelineKind.STATE, name=row["state"]) for row in rows]

    async def _decisions(self, key: PaymentKey) -> list[TimelineEntry]:
        statement = select(ReviewEvent).where(
            col(ReviewEvent.hospital) == key.hospital, col(ReviewEvent.med_org_ord) == key.med_org_ord
        )
        rows = (await self._connection.execute(statement.order_by(col(ReviewEvent.id)))).mappings()
        return [
            TimelineEntry(
                at=row["at"],
                kind=TimelineKind.DECISION,
                name=row["action"],
                message=" ".join(filter(None, (row["refund_no"], f"{row['event']} {row['by_name']}: {row['reason']}"))),
            )
            for row in rows
        ]


def _is(key: PaymentKey) -> tuple[ColumnElement[bool], ...]:
    return col(Payment.hospital) == key.hospital, col(Payment.med_org_ord) == key.med_org_ord


_PAYMENT = table_of(Payment)
_NOT_NEWER = _PAYMENT.c.revision <= bindparam("key_revision")
_FACTS = update(_PAYMENT).where(*here(_PAYMENT), _NOT_NEWER)
_STAY = _FACTS.where(_PAYMENT.c.state == bindparam("key_state"))
_CHANGED = insert(table_of(StateChange))
_AUTHORISATION_SERVES = (PaymentState.RECEIVED, PaymentState.PRICED, PaymentState.FEE_UPLOADED)
"""Until 6202 has used it. The workflow has its own; nobody asks the row for it."""

_HAS_IT = _PAYMENT.c.pay_auth_no_sealed != ERASED
_SERVES = _PAYMENT.c.state.in_([state.value for state in _AUTHORISATION_SERVES])
_FORGET = (
    update(_PAYMENT)
    .where(
        # The index by state finds the few that are under way: this is asked every minute.
        _PAYMENT.c.hospital.in_(bindparam("hospitals", expanding=True)),
        _SERVES,
        _PAYMENT.c.accepted_at <= bindparam("accepted_before"),
        _HAS_IT,
    )
    .values(pay_auth_no_sealed=ERASED)
)
_FORGET_USED = update(_PAYMENT).where(~_SERVES, _HAS_IT).values(pay_auth_no_sealed=ERASED)
_REFUNDED = (PaymentState.PARTIALLY_REFUNDED.value, PaymentState.REFUNDED.value)
_FIND = select(_PAYMENT).where(*here(_PAYMENT))


@cache
def _move_to(state: PaymentState) -> Update:
    """The row is in another state, and an older revision wrote it; or the same one did, and `state` lies ahead.

    A payment that was refunded only goes forward, whoever writes: its refunds know nothing of its workflow's revisions.
    """
    before = [earlier.value for earlier in PaymentState if may_follow(earlier, state)]
    revision: BindParameter[int] = bindparam("key_revision")
    current, written_by = _PAYMENT.c.state, _PAYMENT.c.revision
    newer = and_(written_by < revision, current.not_in(_REFUNDED))
    ahead = and_(written_by <= revision, current.in_(before))
    return update(_PAYMENT).where(*here(_PAYMENT), current != state.value, or_(newer, ahead))
