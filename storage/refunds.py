"""Refunds. One conditional UPDATE reserves the parts: concurrent refunds can't exceed what was paid (rule 16)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError
from domain.ids import refund_sn
from domain.insurance import RefundParts, RefundType
from domain.refunds import RefundEnd, RefundOrder
from domain.states import SETTLED_STATES, RefundState
from domain.values.fen import Fen
from security.crypto.keyring import Keyring
from storage.payments import PaymentRepository
from storage.projection import REFUNDED_PARTS, Projection, named_parts
from storage.records import RefundRecord
from storage.sealing import RowSeal, fit_to_keep
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_if_new, key_of, place_of, refund_of, table_of, this_refund
from storage.tables import MESSAGE_CHARS_MAX, Payment, Refund


class RefundRepository:
    def __init__(self, connection: AnyConnection, keyring: Keyring, payments: PaymentRepository) -> None:
        self._connection = connection
        self._keyring = keyring
        self._payments = payments
        self._projection = Projection(connection)

    async def reserve(self, order: RefundOrder, parts: RefundParts, before: RefundParts, at: datetime) -> bool:
        """Reserve `parts` and insert the refund, REFUNDING, if what was refunded so far is still `before`.

        False if nothing was done, because another refund is in progress or has changed `before`.
        """
        reserved = named_parts("part", parts) | named_parts("before", before)
        values = key_of(order) | reserved | {"refunding": order.refund_no}
        if (await self._connection.execute(_RESERVE, values)).rowcount != 1:
            return False
        await self._insert(order, parts, RefundState.REFUNDING, at, None)
        return True

    async def refuse(self, order: RefundOrder, error: PaymentError, at: datetime) -> None:
        """Insert the refund as REFUND_FAILED, without a reservation. An existing row stays as it is."""
        wanted = RefundParts(own_pay_fen=order.amount_fen or Fen(0))
        await self._insert(order, wanted, RefundState.REFUND_FAILED, at, error)

    async def end(self, key: PaymentKey, refund_no: str, end: RefundEnd, at: datetime, refd_sn: str = "") -> bool:
        """Move a refund to `end`, unless it is there or past it; whether it was moved.

        Deletes payAuthNo unless `end` is IN_REVIEW; `forget_authorisations` deletes it later.
        """
        return await self._projection.end_refund(key, refund_no, end, at, _end_columns(end, at, refd_sn))

    async def told(self, key: PaymentKey, refund_no: str, at: datetime) -> None:
        """Write that HIS was told of it at `at`, unless it was told before."""
        await self._connection.execute(_TOLD, refund_of(key, refund_no) | {"his_told_at": at})

    async def forget_authorisations(self, requested_before: datetime) -> int:
        """Delete the payAuthNo of refunds requested before then (product rule 12); how many."""
        return (await self._connection.execute(_FORGET, {"requested_before": requested_before})).rowcount

    async def find(self, key: PaymentKey, refund_no: str) -> RefundRecord | None:
        row = (await self._connection.execute(_FIND, refund_of(key, refund_no))).mappings().one_or_none()
        return None if row is None else _record({**row})

    async def of_payment(self, key: PaymentKey) -> list[RefundRecord]:
        """All of a payment's refunds, oldest first."""
        return [_record({**row}) for row in (await self._connection.execute(_ALL, key_of(key))).mappings()]

    async def _insert(
        self,
        order: RefundOrder,
        parts: RefundParts,
        state: RefundState,
        at: datetime,
        error: PaymentError | None = None,
    ) -> None:
        reason = fit_to_keep(order.reason, await self._payments.find(order))
        values = parts.model_dump() | {
            "refund_no": order.refund_no,
            "state": state.value,
            "refund_type": order.refund_type.value,
            "pay_auth_no": None if error else order.pay_auth_no,
            "reason": reason[:MESSAGE_CHARS_MAX],
            "requested_by": order.requested_by,
            "app_refd_sn": refund_sn(order.med_org_ord, order.refund_no),
            "requested_at": at,
            "updated_at": at,
            "error_code": error.code.value if error else None,
            "error_message": error.message[:MESSAGE_CHARS_MAX] if error else None,
        }
        sealed = RowSeal(self._keyring, order, order.refund_no).columns(values)
        await self._connection.execute(insert_if_new(self._connection, _REFUND), place_of(order) | sealed)


def _end_columns(end: RefundEnd, at: datetime, refd_sn: str) -> dict[str, Any]:
    """Error and note are overwritten, since those of an earlier end no longer apply."""
    columns = {
        "state": end.state.value,
        "updated_at": at,
        "error_code": end.code.value if end.code else None,
        "error_message": end.message[:MESSAGE_CHARS_MAX] or None,
        "note": end.note or None,
    }
    if refd_sn:
        columns["refd_sn"] = refd_sn
    return columns if end.state is RefundState.IN_REVIEW else columns | {"pay_auth_no_sealed": None}


def _record(row: Mapping[str, Any]) -> RefundRecord:
    texts = ("refd_sn", "error_message", "note")
    same = ("refund_no", "reason", "requested_by", "app_refd_sn", "requested_at", "updated_at", "his_told_at")
    return RefundRecord(
        key=PaymentKey(hospital=row["hospital"], med_org_ord=row["med_org_ord"]),
        state=RefundState(row["state"]),
        refund_type=RefundType(row["refund_type"]),
        parts=RefundParts(**{name: row[name] for name in RefundParts.model_fields}),
        error_code=ErrorCode(row["error_code"]) if row["error_code"] else None,
        **{name: row[name] for name in same},
        **{name: row[name] or "" for name in texts},
    )


_PAYMENT, _REFUND = table_of(Payment), table_of(Refund)
_RESERVE = (
    update(_PAYMENT)
    .where(
        *here(_PAYMENT),
        _PAYMENT.c.refunding.is_(None),
        _PAYMENT.c.state.in_(sorted(state.value for state in SETTLED_STATES)),
        *(back == bindparam(f"before_{part}") for part, back in REFUNDED_PARTS.items()),
        *(back + bindparam(f"part_{part}") <= _PAYMENT.c[part] for part, back in REFUNDED_PARTS.items()),
    )
    .values(
        {back: back + bindparam(f"part_{part}") for part, back in REFUNDED_PARTS.items()}
        | {_PAYMENT.c.refunding: bindparam("refunding")}
    )
)
_THIS = this_refund(_REFUND)
_FIND = select(_REFUND).where(_THIS)
_ALL = select(_REFUND).where(*here(_REFUND)).order_by(_REFUND.c.requested_at, _REFUND.c.refund_no)
_FORGET = (
    update(_REFUND)
    .where(_REFUND.c.pay_auth_no_sealed.is_not(None), _REFUND.c.requested_at <= bindparam("requested_before"))
    .values(pay_auth_no_sealed=None)
)
_TOLD = update(_REFUND).where(_THIS, _REFUND.c.his_told_at.is_(None))
