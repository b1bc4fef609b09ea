"""`medpay audit`: what auditors take away, and whether today's code still tells the same story."""

import asyncio
import json
import re
from pathlib import Path
from typing import Annotated

import typer
from temporalio.client import WorkflowHistory
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from cli.access_log import access_here, record
from cli.commands.audit_access import access, verify
from cli.configuration import read_settings
from cli.failures import CHECK_FAILED, CommandError
from cli.keyring_file import read_keyring
from cli.temporal_client import connect
from domain.base import PaymentKey
from domain.ids import payment_workflow_id, refund_workflow_id
from security.access import AccessEvent
from security.crypto.data_converter import data_converter
from security.crypto.keyring import Keyring
from settings import Settings
from workflows.sandbox import sandbox
from workflows.start import WORKFLOWS

app = typer.Typer(name="audit", no_args_is_help=True, help="Histories and the log of access, for auditors.")


_SENTENCE = re.compile(r'message: "((?:[^"\\]|\\.)+)"')


@app.callback()
def group() -> None:
    """Histories and the log of access, for auditors."""


app.command()(verify)
app.command()(access)


@app.command()
def export(
    payment: Annotated[str, typer.Option(help="The payment's medOrgOrd.", metavar="MEDORGORD")],
    refund: Annotated[str | None, typer.Option(help="Of this refund of it instead.", metavar="REFUNDNO")] = None,
    hospital: Annotated[str | None, typer.Option(help="Its hospital; MEDPAY_HOSPITAL by default.")] = None,
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


def _write(text: str, file: Path) -> None:
    """Raises `CommandError`."""
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"--output: can't write {file}: {error.strerror}") from None
    typer.echo(f"{len(json.loads(text)['events'])} events in {file}")


async def _exported(settings: Settings, hospital: str, workflow_id: str) -> list[str]:
    """The histories, once it is recorded who took them."""
    texts = await _histories(settings, workflow_id)
    await record(settings.database, access_here(AccessEvent.CLI_HISTORY_EXPORTED, hospital, workflow_id))
    return texts


async def _histories(settings: Settings, workflow_id: str) -> list[str]:
    """Of each run, the oldest first."""
    client = await connect(settings)
    try:
        latest = await client.get_workflow_handle(workflow_id).describe()
        started = {run.run_id: run.start_time async for run in client.list_workflows(_runs_of(workflow_id))}
        # The list may lag behind by a moment; the latest run is known without it.
        started[latest.run_id] = latest.start_time
        handles = [
            client.get_workflow_handle(workflow_id, run_id=run) for run in sorted(started, key=started.__getitem__)
        ]
        return [(await handle.fetch_history()).to_json() for handle in handles]
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise CommandError(f"Temporal has no {workflow_id} (it forgets after its retention)") from None
        raise CommandError(f"Temporal at {settings.temporal_address} refused: {error.message}") from None


def _runs_of(workflow_id: str) -> str:
    return f"WorkflowId = {json.dumps(workflow_id)}"


async def _replay_all(files: list[Path], keyring: Keyring) -> dict[Path, str | None]:
    quiet = TelemetryConfig(logging=LoggingConfig(TelemetryFilter(core_level="ERROR", other_level="ERROR")))
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=data_converter(keyring),
        workflow_runner=sandbox(),
        runtime=Runtime(telemetry=quiet),  # its warnings go to standard output, which is for the verdicts
    )
    return {file: await _difference(replayer, file) for file in files}


async def _difference(replayer: Replayer, file: Path) -> str | None:
    """None if today's code would have done the same; else the first thing that differs."""
    try:
        history = _read_history(file)
    except OSError as error:
        return f"can't be read: {error.strerror}"
    except (ValueError, LookupError, TypeError):
        return "is no history as `medpay audit export` writes it"
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return _first_words(result.replay_failure) if result.replay_failure else None


def _first_words(failure: Exception) -> str:
    """The SDK's own sentence, without the structure around it."""
    sentence = _SENTENCE.search(str(failure))
    return sentence[1] if sentence else str(failure).splitlines()[0]


def _read_history(file: Path) -> WorkflowHistory:
    """Raises OSError, ValueError, LookupError or TypeError."""
    events = json.loads(file.read_text(encoding="utf-8"))
    started = events["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], events)
