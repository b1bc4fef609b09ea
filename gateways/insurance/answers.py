"""Reads the centre's answers (protocol 3.2). Every reader raises `IllFormed`, which leaves the outcome unknown."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.insurance import (
    OrderStatus,
    PlacedOrder,
    RefundAnswer,
    RefundStatus,
    SetlType,
    Split,
    UploadedFees,
)
from domain.ord_stas import OrderVerdict, verdict
from domain.values.china_time import from_party
from domain.values.decimals import whole
from domain.values.fen import Fen, parse_yuan
from domain.values.texts import clean, shortened
from gateways.exact_json import parse_object

Data = Mapping[str, Any]

IDENTIFIER_CHARS_MAX = 128

TOKEN_CHARS_MAX = 2000
"""Of payToken and revsToken. Ours are sealed in columns without a limit; later calls carry them."""

_ORD_STAS = range(1000)
_PARTS = ("psnAcctPay", "fundPay")
_FURTHER_PARTS = ("othFeeAmt", "hospPartAmt")
"""What only some centres have."""


class IllFormed(ValueError):
    """A field is missing, malformed or not what was asked for. The message names it, never its value."""


def uploaded_fees(data: Data, med_org_ord: str, mdtrt_id: str) -> UploadedFees:
    """6201. `mdtrt_id`: the one that we sent, used if extData.mdtrtId is absent."""
    _same(data, "medOrgOrd", med_org_ord)
    return UploadedFees(
        pay_ord_id=identifier(data, "payOrdId"),
        pay_token=_bounded(_required(data, "payToken"), "payToken", TOKEN_CHARS_MAX),
        mdtrt_id=_bounded(text_of(_object(data, "extData"), "mdtrtId"), "mdtrtId", IDENTIFIER_CHARS_MAX) or mdtrt_id,
    )


def placed_order(data: Data, pay_ord_id: str) -> PlacedOrder:
    """6202, whose split is required."""
    _the_order(data, pay_ord_id)
    return PlacedOrder(pay_ord_id=pay_ord_id, ord_stas=_ord_stas(data), split=_split(data), balance_fen=_balance(data))


def order_status(data: Data, pay_ord_id: str) -> OrderStatus:
    """6301. Amounts are taken only if all of them are present and well-formed.

    A settled order without amounts is still settled: the money has moved, and product rule 11 confirms nothing.
    """
    _the_order(data, pay_ord_id)
    ord_stas = _ord_stas(data)
    setl_type = text_of(data, "setlType")
    return OrderStatus(
        pay_ord_id=pay_ord_id,
        ord_stas=ord_stas,
        split=_split_if_any(data),
        trace_time=_time(data, "traceTime"),
        setl_type=SetlType(setl_type) if setl_type in set(SetlType) else None,
        revs_token=_token_if_any(data, "revsToken"),
        balance_fen=_balance(data),
    )


def revocation(data: Data, pay_ord_id: str) -> None:
    """6401, whose answer may be empty. An ordStas other than revoked leaves the outcome unknown."""
    _same(data, "payOrdId", pay_ord_id)
    if text_of(data, "ordStas") and verdict(_ord_stas(data)) is not OrderVerdict.REVOKED:
        raise IllFormed("ordStas")


def refund_answer(data: Data, pay_ord_id: str, app_refd_sn: str) -> RefundAnswer:
    """6203. refdSn only goes into our records: the money has gone back, however long it is."""
    _same(data, "payOrdId", pay_ord_id)
    _same(data, "appRefdSn", app_refd_sn)
    status = _required(data, "refStatus").upper()
    if status not in set(RefundStatus):
        raise IllFormed("refStatus")
    return RefundAnswer(status=RefundStatus(status), refd_sn=shortened(text_of(data, "refdSn"), IDENTIFIER_CHARS_MAX))


def _split(data: Data) -> Split:
    """A part that is absent, null or empty is 0 where the others add up to the sum; else it is named as missing."""
    own = "ownpayAmt" if text_of(data, "ownpayAmt") and not text_of(data, "ownPayAmt") else "ownPayAmt"
    fee_sum = _amount(data, "feeSumamt")
    given = {name: _amount(data, name) for name in (own, *_PARTS, *_FURTHER_PARTS) if text_of(data, name)}
    absent = [name for name in (own, *_PARTS) if name not in given]
    if absent and sum(given.values()) != fee_sum:
        raise IllFormed(absent[0])
    nothing = Fen(0)
    return Split(
        fee_sum_fen=fee_sum,
        own_pay_fen=given.get(own, nothing),
        psn_acct_fen=given.get("psnAcctPay", nothing),
        fund_fen=given.get("fundPay", nothing),
        other_fen=given.get("othFeeAmt", nothing),
        hospital_part_fen=given.get("hospPartAmt", nothing),
    )


def _split_if_any(data: Data) -> Split | None:
    try:
        return _split(data)
    except IllFormed:
        return None


def _balance(data: Data) -> Fen | None:
    """extData.preSetl.balc: only shown to the patient, so it may be missing or malformed."""
    try:
        return parse_yuan(text_of(_object(_object(data, "extData"), "preSetl"), "balc"))
    except ValueError:
        return None


def _amount(data: Data, name: str) -> Fen:
    try:
        return parse_yuan(text_of(data, name))
    except ValueError:
        raise IllFormed(name) from None


def _ord_stas(data: Data) -> int:
    status = ord_stas_of(_required(data, "ordStas"))
    if status is None:
        raise IllFormed("ordStas")
    return status


def ord_stas_of(text: str) -> int | None:
    """The status that `text` is, also where it is written 6.0 or 06. None: it is none."""
    try:
        status = whole(text)
    except ValueError:
        return None
    return status if status in _ORD_STAS else None


def _time(data: Data, name: str) -> datetime | None:
    """None if it can't be read: the hour then runs from when we first saw the settlement (product rule 10)."""
    try:
        return from_party(text_of(data, name))
    except ValueError:
        return None


def _the_order(data: Data, pay_ord_id: str) -> None:
    if _required(data, "payOrdId") != pay_ord_id:
        raise IllFormed("payOrdId")


def _same(data: Data, name: str, expected: str) -> None:
    """An echoed field may be absent, but if present it must be what we sent."""
    if text_of(data, name) not in {"", expected}:
        raise IllFormed(name)


def _required(data: Data, name: str) -> str:
    if text := text_of(data, name):
        return text
    raise IllFormed(name)


def identifier(data: Data, name: str) -> str:
    """A bounded text of printable ASCII: later calls and search attributes use it to name the order."""
    text = _bounded(_required(data, name), name, IDENTIFIER_CHARS_MAX)
    if not (text.isascii() and text.isprintable()):
        raise IllFormed(name)
    return text


def _bounded(text: str, name: str, chars_max: int) -> str:
    if len(text) > chars_max:
        raise IllFormed(name)
    return text


def _token_if_any(data: Data, name: str) -> str:
    """Empty for one that no later call could carry: the settlement stands without it."""
    token = text_of(data, name)
    return token if len(token) <= TOKEN_CHARS_MAX else ""


def text_of(data: Data, name: str) -> str:
    """A scalar as clean text; empty for anything else. Numbers are text already, see `domain.values.decimals.Numeral`.

    Everything that is kept of an answer or a notice is read by this function.
    """
    value = data.get(name)
    return clean(value) if isinstance(value, str) else ""


def _object(data: Data, name: str) -> Data:
    """An object, also if it comes as JSON text, as extData does at some centres; empty for anything else."""
    value = data.get(name)
    if isinstance(value, str):
        try:
            return parse_object(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}
