"""The composition root of the Temporal worker: settings in, worker out."""

import asyncio
import resource
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
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
from activities.refused_payloads import RefusedPayloads, refusals_noted
from activities.watcher import RPC_TIMEOUT, AtTemporal, Watcher, payments_watched
from activities.webhooks import Webhooks
from domain.orders import PaymentStart
from gateways.gate import Gate, Party
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from gateways.webhook import CallerWebhook
from hospitals import Hospital, load_hospitals, parties
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

WORKFLOW_TASKS_AT_ONCE_MAX = 120
"""More than local activities, each of which occupies the workflow task that it belongs to; and not many more: tasks
share one interpreter, some 40 ms of it each, and one that is not done within 10 s is thrown away and begun again. 400
at once did so, and finished nothing; 120 stayed within it on a machine that was busy with other things."""

LOCAL_ACTIVITIES_AT_ONCE_MAX = 100
"""More than two hanging parties hold together (`MEDPAY_CALLS_AT_ONCE_MAX` each), and they for the 2 s of a local try
only: the call may go on after it, in its slot of the bulkhead, so that what comes next fails at once and holds none."""

ACTIVITIES_AT_ONCE_MAX = 700
"""Remote ones, which may hang for a call's whole timeout: more than the bulkheads of eight hospitals with two parties
let through together (640), so that no number of hanging calls stops the others. Waiting costs no processor."""

NEXUS_TASKS_AT_ONCE_MAX = 1
"""We offer no Nexus operations; the least that is allowed."""

NOTIFICATIONS_AT_ONCE_MAX = 50
"""Deliveries, and the workflow tasks of as many; they have no local activities to speak of."""

OPEN_FILES = 4_096
"""Enough for the calls of every activity, at most three each, and all else. Many systems give 1,024 until one asks."""

DRAIN_S = 30
"""How long running activities may take to finish after SIGTERM. Longer than a remote call's timeout."""


Gates = dict[tuple[Party, str], Gate]
"""By party and hospital."""

Gateways = tuple[dict[str, HttpInsuranceCentre], dict[str, HttpHospitalSystem]]
"""By hospital: its insurance centre, and its HIS."""


def allow_open_files() -> None:
    """Raise this process's limit to `OPEN_FILES`, as far as the system lets it: it bounds the calls to all parties."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def make_gates(http: HttpCaller, settings: Settings, hospitals: Iterable[str]) -> Gates:
    """What bounds the calls to each party of each hospital, and shows when one of them is not being called."""
    calls_max = settings.calls_at_once_max
    return {(party, name): Gate(http, party, name, calls_max) for party in Party for name in hospitals}


def make_gateways(gates: Gates, settings: Settings, hospitals: Mapping[str, Hospital], keys: KeyProvider) -> Gateways:
    """`hospitals`: those of `gates`."""
    centres, systems = {}, {}
    for name, hospital in hospitals.items():
        signer = keys.signer(hospital.private_key, hospital.centre.sm2_user_id)
        centres[name] = HttpInsuranceCentre(gates[Party.CENTRE, name], hospital.centre, hospital, signer)
        systems[name] = HttpHospitalSystem(
            gates[Party.HIS, name], hospital.his_url, settings.his_timeout_s, hospital.his_tls, hospital.his_repeats
        )
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
        max_concurrent_workflow_tasks=WORKFLOW_TASKS_AT_ONCE_MAX,
        max_concurrent_local_activities=LOCAL_ACTIVITIES_AT_ONCE_MAX,
        max_concurrent_activities=ACTIVITIES_AT_ONCE_MAX,
        max_concurrent_nexus_tasks=NEXUS_TASKS_AT_ONCE_MAX,
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
        max_concurrent_workflow_tasks=NOTIFICATIONS_AT_ONCE_MAX,
        max_concurrent_local_activities=NOTIFICATIONS_AT_ONCE_MAX,
        max_concurrent_activities=NOTIFICATIONS_AT_ONCE_MAX,
        max_concurrent_nexus_tasks=NEXUS_TASKS_AT_ONCE_MAX,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=timedelta(seconds=DRAIN_S),
    )


def make_watcher(database: Database, client: Client, settings: Settings, hospitals: Mapping[str, Hospital]) -> Watcher:
    terms = {hospital.id: payment_terms(settings, hospital) for hospital in hospitals.values()}

    async def restart(start: PaymentStart) -> None:
        await reopen(client, start, settings.task_queue, RPC_TIMEOUT)

    temporal = AtTemporal(client, settings.task_queue, restart)
    return Watcher(database, temporal, terms, timedelta(seconds=settings.watch_after_s))


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
    allow_open_files()
    hospitals = load_hospitals(settings.hospitals_path, settings.guards_keys)
    practice = not settings.guards_keys(*parties(hospitals))
    keys = keys or LocalKeys(settings.keyring_path, settings.keyring, practice=practice)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keyring = keys.keyring()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(settings.database, keyring))
        refused = RefusedPayloads()
        call_log = CallLog(database, refused)
        http = await stack.enter_async_context(HttpCaller())
        # Calls in flight outlive the worker's activities: they end before connections and database close.
        stack.push_async_callback(call_log.steps.drained)
        client = await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=data_converter(keyring, refused),
            tls=temporal_tls(settings.temporal_tls_files),
        )
        await stack.enter_async_context(refusals_noted(database, refused))
        await stack.enter_async_context(clock_watched(database, client, settings.task_queue, stop))
        gates = make_gates(http, settings, hospitals)
        gateways = make_gateways(gates, settings, hospitals, keys)
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
