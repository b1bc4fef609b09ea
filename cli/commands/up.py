"""`medpay up`: runs the embedded stack until Ctrl-C."""

import asyncio
import json
from typing import Annotated

import typer

from cli.configuration import read_settings
from cli.foreground import run_until_stopped
from cli.stack.embedded import EmbeddedStack, embedded_stack
from settings import Settings

app = typer.Typer()


@app.command()
def up(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the addresses as one line of JSON when ready.")
    ] = False,
) -> None:
    """Run Temporal, both simulators, a worker and the API here until Ctrl-C. Data stays in MEDPAY_DATA_DIR."""
    settings = read_settings()
    raise typer.Exit(run_until_stopped(_serve(settings, as_json=as_json), when_stopped=0))


async def _serve(settings: Settings, *, as_json: bool) -> int:
    def say(line: str) -> None:
        typer.echo(line, err=as_json)

    async with embedded_stack(settings, say) as stack:
        if as_json:
            typer.echo(json.dumps(_addresses(stack)))
        else:
            typer.echo("\n".join(_summary(stack, own_key=settings.api_key is not None)))
        await stack.supervisor.run(asyncio.Event().wait())
    return 0


def _addresses(stack: EmbeddedStack) -> dict[str, object]:
    return {
        "api": stack.api_url,
        "docs": f"{stack.api_url}/docs",
        "temporal": stack.settings.temporal_address,
        "temporal_ui": stack.temporal_ui_url,
        "codec": stack.codec_url,
        "simulator_insurance": stack.insurance_url,
        "simulator_his": stack.his_url,
        "api_key_file": str(stack.settings.data_dir / "api-key"),
        **{f"{person}_key_file": str(file) for person, file in stack.person_key_files.items()},
        "hospitals_file": str(stack.settings.hospitals_path),
        "data_dir": str(stack.settings.data_dir),
        "pids": stack.supervisor.pids,
    }


def _summary(stack: EmbeddedStack, *, own_key: bool) -> list[str]:
    folder = stack.settings.data_dir
    key = "the one in MEDPAY_API_KEY" if own_key else f"{stack.settings.api_key}  (in {folder / 'api-key'})"
    people = ", ".join(str(file) for file in stack.person_key_files.values())
    return [
        "",
        f"  API          {stack.api_url}",
        f"  Interfaces   {stack.api_url}/docs",
        f"  API key      {key}",
        *([f"  People keys  {people}  (medpay review; /codec/login)"] if people else []),
        f"  Temporal UI  {stack.temporal_ui_url}  (payments are sealed: sign in at {stack.codec_url}/login)",
        f"  Centre       {stack.insurance_url}  (simulator)",
        f"  HIS          {stack.his_url}  (simulator)",
        f"  Data, logs   {folder}, {folder / 'logs'}",
        "",
        "Ctrl-C stops everything; the data stays.",
    ]
