"""`medpay audit`: verify and read the access log; export histories and replay them against today's code."""

import asyncio
import json
import re
from collections import deque
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from temporalio.client import WorkflowHistory
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from cli.access_log import access_here, access_log, record
from cli.configuration import CHECK_FAILED, WRONG_USE, CommandError, read_keyring, read_settings
from cli.connections import connect, temporal_trouble_in_one_line
from cli.output import AsJson, Hospital, echo_json
from domain.base import PaymentKey
from domain.ids import is_about, payment_workflow_id, refund_workflow_id
from domain.values.china_time import to_china
from domain.values.written import text_of
from security.access_log import GENESIS, HEAD_PATTERN, AccessEvent, Break, ChainCheck, Head, Link
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter
from security.crypto.sealed_values import Why
from settings import Settings
from workflows.sandbox import sandbox
from workflows.start import WORKFLOWS

app = typer.Typer(name="audit", no_args_is_help=True, help="Histories and the access log, for auditors.")
LINES_MAX = 10_000
_SENTENCE = re.compile(r'message: "((?:[^"\\]|\\.)+)"')


@app.callback()
def group() -> None:
    """Histories and the access log, for auditors."""


@app.command()
def verify(
    expect_head: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="A head noted earlier: fails if the chain no longer holds it."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Verify the access log: PASS and its head, or the first record that breaks the chain and exit 1."""
    wanted = None if expect_head is None else _digest(expect_head)
    broken, head, held = asyncio.run(_check(read_settings().database, wanted))
    why = _complaint(broken, wanted, held=held)
    if as_json:
        first_bad = None if broken is None else asdict(broken)
        verdict = {"pass": why is None, "records": head.sequence, "head": head.digest, "first_bad": first_bad}
        typer.echo(json.dumps(verdict | {"why": why}))
    elif why is None:
        typer.echo(f"PASS {head.sequence} records, head {head.digest}")
    else:
        typer.echo(f"FAIL {why}")
    raise typer.Exit(0 if why is None else CHECK_FAILED)


@app.command()
def access(
    payment: Annotated[str | None, typer.Option(metavar="MEDORGORD", help="Only about this payment.")] = None,
    last: Annotated[int, typer.Option(min=1, max=LINES_MAX, help="How many records at most, the latest.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who accessed what, the latest last. Times in UTC+8."""
    links = asyncio.run(_last(read_settings().database, payment, last))
    if as_json:
        echo_json([_fields(link) for link in links])
        return
    for link in links:
        when = to_china(datetime.fromisoformat(link.at))
        who = f"{link.actor} ({link.role})" if link.role else link.actor
        words = (str(link.sequence), when, link.event, link.hospital, who, link.subject, link.details)
        typer.echo("  ".join(filter(None, words)))


@app.command()
def export(
    payment: Annotated[str, typer.Option(help="The payment's medOrgOrd.", metavar="MEDORGORD")],
    refund: Annotated[str | None, typer.Option(help="Export this refund of it instead.", metavar="REFUNDNO")] = None,
    hospital: Hospital = None,
    output: Annotated[Path | None, typer.Option(help="The file; standard output by default.")] = None,
) -> None:
    """Write a payment's raw history as Temporal keeps it: sealed payloads stay sealed, so that it can be replayed.

    A payment that was started again after its end has a history for each run: FILE, then FILE-2 and so on.
    """
    settings = read_settings()
    key = PaymentKey(hospital=hospital or settings.hospital, med_org_ord=payment)
    workflow_id = refund_workflow_id(key, refund) if refund else payment_workflow_id(key.hospital, payment)
    texts = asyncio.run(_exported(settings, key.hospital, workflow_id))
    for run, text in enumerate(texts, start=1):
        if output is None:
            typer.echo(text)
        else:
            _write(text, output if run == 1 else output.with_stem(f"{output.stem}-{run}"))


@app.command()
def replay(
    files: Annotated[list[Path], typer.Argument(help="Histories written by export.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each file.")] = False,
) -> None:
    """Replay histories against today's workflow code: PASS, or the first difference and exit 1."""
    keyring = read_keyring(read_settings())
    verdicts = asyncio.run(_replay_all(files, keyring))
    for file, difference in verdicts.items():
        if as_json:
            line = json.dumps({"file": str(file), "pass": difference is None, "difference": difference})
        else:
            line = f"PASS {file}" if difference is None else f"FAIL {file}: {difference}"
        typer.echo(line)
    raise typer.Exit(CHECK_FAILED if any(verdicts.values()) else 0)


async def _check(url: str, wanted: str | None) -> tuple[Break | None, Head, bool]:
    """What breaks the chain, the head up to which it is intact, and whether `wanted` is one of its digests."""
    check, held = ChainCheck(), wanted == GENESIS
    async with access_log(url) as log:
        async for link, digest in log.records():
            if broken := check.broken_by(link, digest):
                return broken, check.head, held
            held = held or digest == wanted
    return None, check.head, held


async def _last(url: str, payment: str | None, count: int) -> list[Link]:
    async with access_log(url) as log:
        links: deque[Link] = deque(maxlen=count)
        async for link, _ in log.records():
            if payment is None or _concerns(link, payment):
                links.append(link)
        return list(links)


def _complaint(broken: Break | None, wanted: str | None, *, held: bool) -> str | None:
    if broken is not None:
        return f"record {broken.sequence}: {broken.why}"
    if wanted is not None and not held:
        return "no record has the expected head: the log was truncated or rewritten"
    return None


def _digest(text: str) -> str:
    """A digest as the log holds it. Raises `CommandError`."""
    digest = text.strip().lower()
    if not HEAD_PATTERN.fullmatch(digest):
        raise CommandError("--expect-head: must be the 64 hex digits of a head", exit_code=WRONG_USE)
    return digest


def _concerns(link: Link, payment: str) -> bool:
    """Whether a record is about the payment, including decodes of several workflows at once."""
    ids = [link.subject, *json.loads(link.details).get("workflows", [])]
    return any(is_about(workflow_id, payment) for workflow_id in ids)


def _fields(link: Link) -> dict[str, Any]:
    return asdict(link) | {"details": json.loads(link.details)}


def _write(text: str, file: Path) -> None:
    """Raises `CommandError`."""
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"--output: can't write {file}: {error.strerror}") from None
    typer.echo(f"{len(json.loads(text)['events'])} events in {file}")


async def _exported(settings: Settings, hospital: str, workflow_id: str) -> list[str]:
    """The workflow's histories, given out only once the export is recorded."""
    texts = await _histories(settings, workflow_id)
    await record(settings.database, access_here(AccessEvent.CLI_HISTORY_EXPORTED, hospital, workflow_id))
    return texts


async def _histories(settings: Settings, workflow_id: str) -> list[str]:
    """The history of each run, oldest first."""
    client = await connect(settings)
    with temporal_trouble_in_one_line(settings):
        try:
            latest = await client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise CommandError(f"Temporal has no {workflow_id} (it forgets after its retention)") from None
        started = {run.run_id: run.start_time async for run in client.list_workflows(_runs_of(workflow_id))}
        # The list may lag behind by a moment, so the latest run is added.
        started[latest.run_id] = latest.start_time
        handles = [
            client.get_workflow_handle(workflow_id, run_id=run) for run in sorted(started, key=started.__getitem__)
        ]
        return [(await handle.fetch_history()).to_json() for handle in handles]


def _runs_of(workflow_id: str) -> str:
    return f"WorkflowId = {json.dumps(workflow_id)}"


async def _replay_all(files: list[Path], keyring: Keyring) -> dict[Path, str | None]:
    foreign: set[Why] = set()
    quiet = TelemetryConfig(logging=LoggingConfig(TelemetryFilter(core_level="ERROR", other_level="ERROR")))
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=data_converter(keyring, lambda _, why: foreign.add(why)),
        workflow_runner=sandbox(),
        runtime=Runtime(telemetry=quiet),  # its warnings would go to standard output, which is for verdicts
    )
    return {file: await _difference(replayer, foreign, file) for file in files}


async def _difference(replayer: Replayer, foreign: set[Why], file: Path) -> str | None:
    """The first difference to what today's code would have done, or None. `foreign`: why payloads were refused."""
    foreign.clear()
    try:
        history = _read_history(file)
    except OSError as error:
        return f"can't be read: {error.strerror}"
    except (ValueError, LookupError, TypeError):
        return "is not a history written by `medpay audit export`"
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    if result.replay_failure is None:
        return None
    refused = f"holds payloads that our keys did not seal for it ({', '.join(sorted(foreign))}); " if foreign else ""
    return refused + _first_words(result.replay_failure)


def _first_words(failure: Exception) -> str:
    """The SDK's own sentence, without the structure printed around it."""
    sentence = _SENTENCE.search(str(failure))
    return sentence[1] if sentence else str(failure).splitlines()[0]


def _read_history(file: Path) -> WorkflowHistory:
    """Raises OSError, ValueError, LookupError or TypeError."""
    events = json.loads(text_of(file.read_bytes()))
    started = events["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], events)
