"""The composition root of the Temporal worker: settings in, worker out."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.background import outbox_emptied, tokens_forgotten
from activities.bill_locks import BillLocks
from activities.call_log import CallLog
from activities.centre import Centre
from activities.clocks import clock_watched
from activities.his import His
from activities.records import Records
from activities.refunds import Refunds
from activities.watcher import RPC_TIMEOUT, Watcher, payments_watched
from activities.webhooks import Webhooks
from domain.orders import PaymentStart
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from gateways.webhook import CallerWebhook
from hospitals import Hospital, load_hospitals
from hospitals.terms import payment_terms
from security.crypto.payload_codec import data_converter
from security.keys.provider import KeyProvider, LocalKeys
from security.logs import configure_logging
from security.tls import temporal_tls
from settings import Settings
from storage.session import Database
from workflows.notification import NotificationWorkflow
from workflows.payment.workflow import PaymentWorkflow
from workflows.refund.workflow import RefundWorkflow
from workflows.sandbox import sandbox
from workflows.start import reopen, start_notification

WORKFLOWS = [PaymentWorkflow, RefundWorkflow]
CACHED_WORKFLOWS_MAX = 5_000
"""At least the number of payments awaiting payment at once: one that is not cached is replayed at each event."""

NOTIFICATIONS_AT_ONCE_MAX = 50

DRAIN_S = 30
"""How long running activities may take to finish after SIGTERM. Longer than a remote call's timeout."""


Gateways = tuple[dict[str, HttpInsuranceCentre], dict[str, HttpHospitalSystem]]
"""By hospital: its insurance centre, and its HIS."""


def make_gateways(
    http: HttpCaller, settings: Settings, hospitals: Mapping[str, Hospital], keys: KeyProvider
) -> Gateways:
    signers = {h.id: keys.signer(h.private_key, h.centre.sm2_user_id) for h in hospitals.values()}
    centres = {h.id: HttpInsuranceCentre(http, h.centre, h, signers[h.id]) for h in hospitals.values()}
    systems = {h.id: HttpHospitalSystem(http, h.his_url, settings.his_timeout_s, h.his_tls) for h in hospitals.values()}
    return centres, systems


def make_worker(client: Client, settings: Settings, call_log: CallLog, gateways: Gateways) -> Worker:
    """The worker of payments and refunds: their workflows and activities, on one task queue."""
    centres, systems = gateways
    groups = [
        His(call_log, systems),
        Centre(call_log, centres),
        Refunds(call_log, centres),
        BillLocks(call_log.steps, client),
        Records(call_log.steps),
    ]
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=WORKFLOWS,
        activities=[each for group in groups for each in group.activities()],
        workflow_runner=sandbox(),
        max_cached_workflows=CACHED_WORKFLOWS_MAX,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=timedelta(seconds=DRAIN_S),
    )


def make_notifier(client: Client, task_queue: str, call_log: CallLog, webhooks: Mapping[str, CallerWebhook]) -> Worker:
    """The worker of notifications, on a task queue of its own, so that hanging receivers take no payment's slot."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[NotificationWorkflow],
        activities=Webhooks(call_log, webhooks).activities(),
        workflow_runner=sandbox(),
        max_concurrent_activities=NOTIFICATIONS_AT_ONCE_MAX,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=timedelta(seconds=DRAIN_S),
    )


def make_watcher(database: Database, client: Client, settings: Settings, hospitals: Mapping[str, Hospital]) -> Watcher:
    terms = {hospital.id: payment_terms(settings, hospital) for hospital in hospitals.values()}

    async def restart(start: PaymentStart) -> None:
        await reopen(client, start, settings.task_queue, RPC_TIMEOUT)

    return Watcher(database, client, terms, restart, timedelta(seconds=settings.watch_after_s))


@asynccontextmanager
async def notifying_callers(
    client: Client, task_queue: str, call_log: CallLog, hospitals: Mapping[str, Hospital]
) -> AsyncIterator[None]:
    """Send notifications to callers while the block runs, over connections of their own."""
    async with HttpCaller() as http:
        webhooks = {
            hospital.id: CallerWebhook(http, hospital.webhook.url, hospital.webhook.secret)
            for hospital in hospitals.values()
            if hospital.webhook is not None
        }
        start = partial(start_notification, client, task_queue)
        async with (
            make_notifier(client, task_queue, call_log, webhooks),
            outbox_emptied(call_log.database, webhooks.keys(), start),
        ):
            yield


async def run_worker(settings: Settings, keys: KeyProvider | None = None) -> None:
    """Run until SIGTERM or SIGINT, then drain. `keys`: where keys are kept; files and the environment by default."""
    keys = keys or LocalKeys(settings.keyring_path, settings.keyring, practice=not settings.guards_keys())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keyring = keys.keyring()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(settings.database, keyring))
        call_log = CallLog(database)
        http = await stack.enter_async_context(HttpCaller())
        # Calls in flight outlive the worker's activities: they end before connections and database close.
        stack.push_async_callback(call_log.steps.drained)
        client = await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=data_converter(keyring),
            tls=temporal_tls(settings.temporal_tls_files),
        )
        await stack.enter_async_context(clock_watched(database, client, settings.task_queue, stop))
        hospitals = load_hospitals(settings.hospitals_path, settings.guards_keys)
        gateways = make_gateways(http, settings, hospitals, keys)
        notifications = f"{settings.task_queue}-notifications"
        await stack.enter_async_context(make_worker(client, settings, call_log, gateways))
        await stack.enter_async_context(notifying_callers(client, notifications, call_log, hospitals))
        await stack.enter_async_context(tokens_forgotten(database, hospitals))
        await stack.enter_async_context(payments_watched(make_watcher(database, client, settings, hospitals)))
        await stop.wait()


def main() -> None:
    """The `medpay worker` command."""
    settings = Settings()
    configure_logging(settings.log_level, "worker")
    asyncio.run(run_worker(settings))


if __name__ == "__main__":
    main()
