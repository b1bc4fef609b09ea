"""`medpay payments`: one payment as our records have it, without personal data or tokens."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from api.refund_view import refunded_amounts
from cli.configuration import read_settings
from cli.database import database_trouble_in_one_line
from cli.failures import CommandError
from cli.keyring_file import read_keyring
from domain.china_time import to_china
from domain.fen import yuan
from domain.steps import PaymentKey
from security.keyring import Keyring
from settings import Settings
from storage.records import PaymentRecord, RefundRecord, TimelineEntry
from storage.refunds import with_refunds
from storage.session import Database

app = typer.Typer(name="payments", no_args_is_help=True, help="Payments in our records.")

Fields = dict[str, Any]


@app.callback()
def group() -> None:
    """Payments in our records."""


@app.command()
def show(
    med_org_ord: Annotated[str, typer.Argument(metavar="MEDORGORD", help="The hospital's order number.")],
    hospital: Annotated[str | None, typer.Option(help="Its hospital; MEDPAY_HOSPITAL by default.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show a payment: state, amounts, deadlines and everything that happened. No personal data, no tokens."""
    settings = read_settings()
    key = PaymentKey(hospital=hospital or settings.hospital, med_org_ord=med_org_ord)
    record, timeline, refunds = asyncio.run(_find(settings, read_keyring(settings), key))
    if record is None:
        raise CommandError(f"{key.hospital} has no payment {med_org_ord}")
    if as_json:
        happened = [_entry(entry) for entry in timeline]
        typer.echo(json.dumps({**_fields(record, refunds), "timeline": happened}, ensure_ascii=False))
        return
    for name, value in _fields(record, refunds).items():
        typer.echo(f"{name:<18} {value}")
    for entry in timeline:
        typer.echo("  ".join(str(value) for value in _entry(entry).values() if value not in (None, "")))


async def _find(
    settings: Settings, keyring: Keyring, key: PaymentKey
) -> tuple[PaymentRecord | None, list[TimelineEntry], list[RefundRecord]]:
    with database_trouble_in_one_line():
        async with Database(settings.database, keyring) as database, database.read() as unit:
            refunds = await unit.refunds.of_payment(key)
            timeline = with_refunds(await unit.payments.timeline(key), refunds)
            return await unit.payments.find(key), timeline, refunds


def _fields(record: PaymentRecord, refunds: Sequence[RefundRecord]) -> Fields:
    """What operations and auditors may see, by the interface's names. Times are UTC+8, amounts yuan."""
    order, settlement = record.order, record.settlement
    split = settlement.split if settlement else record.split
    fields: Fields = {
        "medOrgOrd": order.med_org_ord,
        "hospital": order.hospital,
        "state": record.state.value,
        "since": _time(record.state_since),
        "accepted": _time(record.accepted_at),
        "CATEGORY": order.category.value,
        "CHANNEL": order.channel.value,
        "TOTAL": yuan(order.total_fen),
        "payOrdId": record.pay_ord_id,
        "fundPay": split and yuan(split.fund_fen),
        "psnAcctPay": split and yuan(split.psn_acct_fen),
        "ownPayAmt": split and yuan(split.own_pay_fen),
        **(refunded_amounts(refunds) if refunds else {}),
        "refunding": record.refunding,
        "windowEnds": _time(record.window_ends_at),
        "traceTime": settlement and _time(settlement.trace_time),
        "reversalDeadline": settlement and _time(settlement.reversal_deadline),
        "VISIT_ID": record.visit_id or order.visit_id,
        "settlementNo": record.settlement_no,
        "error": record.error_code and record.error_code.value,
        "MSG": record.error_message,
        "note": record.note,
    }
    return {name: value for name, value in fields.items() if value}


def _entry(entry: TimelineEntry) -> Fields:
    return {
        "at": _time(entry.at),
        "kind": entry.kind.value,
        "name": entry.name,
        "outcome": entry.outcome and entry.outcome.value,
        "ms": entry.duration_ms,
        "message": entry.message,
    }


def _time(moment: datetime | None) -> str | None:
    return to_china(moment) if moment else None
