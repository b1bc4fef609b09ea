"""`medpay payments`: list and show payments as our records have them, without personal data or tokens."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from api.refunds.schemas import RefundedAmounts
from cli.access_log import access_here
from cli.configuration import WRONG_USE, CommandError, read_settings
from cli.connections import records
from cli.output import AsJson, Hospital, echo_json, echo_row, local_time
from domain.base import PaymentKey
from domain.ids import payment_workflow_id
from domain.orders import Category, Channel
from domain.states import PaymentState
from domain.values import china_time as periods
from domain.values.fen import yuan
from security.access_log import AccessEvent
from settings import Settings
from storage.records import PaymentLine, PaymentQuery, PaymentRecord, RefundRecord, TimelineEntry

app = typer.Typer(name="payments", no_args_is_help=True, help="Payments in our records.")
Fields = dict[str, Any]
LINES_MAX = 1_000


@app.callback()
def group() -> None:
    """Payments in our records."""


@app.command()
def show(
    med_org_ord: Annotated[str, typer.Argument(metavar="MEDORGORD", help="The hospital's order number.")],
    hospital: Hospital = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a payment: state, amounts, deadlines and everything that happened. No personal data, no tokens."""
    settings = read_settings()
    key = PaymentKey(hospital=hospital or settings.hospital, med_org_ord=med_org_ord)
    record, timeline, refunds = asyncio.run(_find(settings, key))
    if record is None:
        raise CommandError(f"{key.hospital} has no payment {med_org_ord}")
    if as_json:
        happened = [_entry(entry) for entry in timeline]
        echo_json({**_fields(record, refunds), "timeline": happened})
        return
    for name, value in _fields(record, refunds).items():
        typer.echo(f"{name:<18} {value}")
    for entry in timeline:
        echo_row(_entry(entry))


@app.command("list")
def list_payments(
    *,
    state: Annotated[PaymentState | None, typer.Option(help="Only those in this state.")] = None,
    channel: Annotated[Channel | None, typer.Option(help="Only those of this channel.")] = None,
    category: Annotated[Category | None, typer.Option(help="1 registration, 2 outpatient bill.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Accepted from this ISO date or time on (UTC+8).")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Accepted up to this day, or before this time (UTC+8).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LINES_MAX, help="How many payments at most.")] = 50,
    hospital: Hospital = None,
    as_json: AsJson = False,
) -> None:
    """List payments, the newest first. No personal data, no tokens."""
    settings = read_settings()
    query = PaymentQuery(
        hospital=hospital or settings.hospital,
        state=state,
        channel=channel,
        category=category,
        begins=_moment("--from", periods.beginning, since),
        ends=_moment("--to", periods.end, until),
    )
    lines = [_line(line) for line in asyncio.run(_page(settings, query, limit))]
    if as_json:
        echo_json(lines)
        return
    for line in lines:
        typer.echo("  ".join(f"{line[name] or '':<{width}}" for name, width in _WIDTHS.items()).rstrip())


async def _page(settings: Settings, query: PaymentQuery, limit: int) -> list[PaymentLine]:
    async with records(settings) as database:
        async with database.begin() as unit:
            await unit.access.append(access_here(AccessEvent.CLI_PAYMENT_LISTED, query.hospital))
        async with database.read() as unit:
            return await unit.payments.page(query, limit)


_WIDTHS = {
    "accepted": 19,
    "medOrgOrd": 24,
    "state": 18,
    "CATEGORY": 1,
    "CHANNEL": 6,
    "TOTAL": 10,
    "payOrdId": 20,
    "error": 21,
    "note": 0,
}
"""The columns of the list and their widths in characters; the last one is as wide as it needs to be."""


def _line(line: PaymentLine) -> Fields:
    return {
        "medOrgOrd": line.med_org_ord,
        "hospital": line.hospital,
        "state": line.state.value,
        "since": local_time(line.state_since),
        "accepted": local_time(line.accepted_at),
        "CATEGORY": line.category.value,
        "CHANNEL": line.channel.value,
        "TOTAL": yuan(line.total_fen),
        "payOrdId": line.pay_ord_id,
        "error": line.error_code and line.error_code.value,
        "note": line.note,
    }


def _moment(option: str, read: Callable[[str], datetime], text: str | None) -> datetime | None:
    """The moment that an option gives. Raises `CommandError` naming it."""
    try:
        return None if text is None else read(text.strip())
    except ValueError:
        raise CommandError(f"{option}: {text!r} is not an ISO date or date-time", exit_code=WRONG_USE) from None


async def _find(
    settings: Settings, key: PaymentKey
) -> tuple[PaymentRecord | None, list[TimelineEntry], list[RefundRecord]]:
    async with records(settings) as database:
        workflow_id = payment_workflow_id(key.hospital, key.med_org_ord)
        async with database.begin() as unit:
            await unit.access.append(access_here(AccessEvent.CLI_PAYMENT_SHOWN, key.hospital, workflow_id))
        async with database.read() as unit:
            refunds = await unit.refunds.of_payment(key)
            timeline = await unit.timeline.of_payment(key)
            return await unit.payments.find(key), timeline, refunds


def _fields(record: PaymentRecord, refunds: Sequence[RefundRecord]) -> Fields:
    """What operators and auditors may see, under the interface's field names. Times are UTC+8, amounts yuan."""
    order, settlement = record.order, record.settlement
    split = settlement.split if settlement else record.split
    fields: Fields = {
        "medOrgOrd": order.med_org_ord,
        "hospital": order.hospital,
        "state": record.state.value,
        "since": local_time(record.state_since),
        "accepted": local_time(record.accepted_at),
        "CATEGORY": order.category.value,
        "CHANNEL": order.channel.value,
        "TOTAL": yuan(order.total_fen),
        "payOrdId": record.pay_ord_id,
        "fundPay": split and yuan(split.fund_fen),
        "psnAcctPay": split and yuan(split.psn_acct_fen),
        "ownPayAmt": split and yuan(split.own_pay_fen),
        **(RefundedAmounts.of_payment(refunds).data() if refunds else {}),
        "refunding": record.refunding,
        "windowEnds": local_time(record.window_ends_at),
        "traceTime": settlement and local_time(settlement.trace_time),
        "reversalDeadline": settlement and local_time(settlement.reversal_deadline),
        "VISIT_ID": record.visit_id or order.visit_id,
        "settlementNo": record.settlement_no,
        "error": record.error_code and record.error_code.value,
        "MSG": record.error_message,
        "note": record.note,
    }
    return {name: value for name, value in fields.items() if value}


def _entry(entry: TimelineEntry) -> Fields:
    return {
        "at": local_time(entry.at),
        "kind": entry.kind.value,
        "name": entry.name,
        "outcome": entry.outcome and entry.outcome.value,
        "ms": entry.duration_ms,
        "message": entry.message,
    }
