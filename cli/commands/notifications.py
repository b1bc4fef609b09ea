"""`medpay notifications`: list the webhooks to callers with their delivery status, and send them again."""

import asyncio
from typing import Annotated, Any

import typer

from cli.access_log import access_here
from cli.configuration import CommandError, read_hospitals, read_settings
from cli.connections import records
from cli.output import AsJson, Hospital, echo_json, echo_row, local_time
from domain.base import PaymentKey
from domain.ids import payment_workflow_id
from domain.notifications import NotificationEvent
from security.access_log import AccessEvent
from settings import Settings
from storage.notifications import LISTED_MAX
from storage.records import NotificationRecord

app = typer.Typer(name="notifications", no_args_is_help=True, help="Webhooks to the callers.")


@app.callback()
def group() -> None:
    """Webhooks to the callers."""


@app.command(name="list", help=f"List a hospital's newest {LISTED_MAX} notifications, the newest first.")
def show_list(
    hospital: Hospital = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    as_json: AsJson = False,
) -> None:
    settings = read_settings()
    found = asyncio.run(_newest(settings, hospital or settings.hospital, failed=failed))
    _print(found, as_json=as_json)


@app.command()
def replay(
    med_org_ord: Annotated[str, typer.Argument(metavar="MEDORGORD", help="The hospital's order number.")],
    event: Annotated[
        NotificationEvent | None, typer.Option(help="Only this event; all of the payment's by default.")
    ] = None,
    hospital: Hospital = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a payment's notifications again, with the same webhook-id. A worker does so within seconds."""
    settings = read_settings()
    key = PaymentKey(hospital=hospital or settings.hospital, med_org_ord=med_org_ord)
    if (told := read_hospitals(settings).get(key.hospital)) is None or told.webhook is None:
        raise CommandError(f"{settings.hospitals_path} has no [hospitals.{key.hospital}.webhook]")
    chosen = asyncio.run(_replay(settings, key, event))
    if not chosen:
        raise CommandError(f"{key.hospital} has no notification of {event or 'any kind'} for {med_org_ord}")
    _print(chosen, as_json=as_json)


async def _newest(settings: Settings, hospital: str, *, failed: bool) -> list[NotificationRecord]:
    async with records(settings) as database, database.begin() as unit:
        await unit.access.append(access_here(AccessEvent.CLI_NOTIFICATION_LISTED, hospital))
        return await unit.notifications.newest(hospital, failed=failed)


async def _replay(settings: Settings, key: PaymentKey, event: NotificationEvent | None) -> list[NotificationRecord]:
    async with records(settings) as database, database.begin() as unit:
        workflow_id = payment_workflow_id(key.hospital, key.med_org_ord)
        chosen = await unit.notifications.replay(key, event)
        await unit.access.append(access_here(AccessEvent.CLI_NOTIFICATION_REPLAYED, key.hospital, workflow_id))
        return chosen


def _print(found: list[NotificationRecord], *, as_json: bool) -> None:
    shown = [_fields(record) for record in found]
    if as_json:
        echo_json(shown)
        return
    for fields in shown:
        echo_row(fields)


def _fields(record: NotificationRecord) -> dict[str, Any]:
    """Times are UTC+8."""
    return {
        "at": local_time(record.created_at),
        "medOrgOrd": record.med_org_ord,
        "event": record.event.value,
        "refundNo": record.refund_no,
        "status": record.status.value,
        "runs": record.runs,
        "delivered": local_time(record.delivered_at),
        "givenUp": local_time(record.given_up_at),
        "webhookId": record.webhook_id,
    }
