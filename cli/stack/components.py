"""The embedded stack's processes beside Temporal: simulators, worker, API. Each is a `medpay` command."""

import os
import sys

from cli.stack.child import Component, answers, plain_environment
from cli.stack.practice import CENTRE_FILE
from cli.stack.temporal import TemporalCommand, worker_is_polling
from settings import Settings, env_name

_UTF8 = {"PYTHONIOENCODING": "utf-8"}


def simulator(settings: Settings, party: str, port: int, *arguments: str) -> Component:
    """`party`: insurance or his. It gets its own files and port, and none of our settings, keys and passwords."""
    files = ["--database", str(settings.data_dir / f"simulator-{party}.db"), "--port", str(port)]
    if party == "insurance":
        files += ["--config", str(settings.data_dir / CENTRE_FILE)]
    return Component(
        name=f"simulator-{party}",
        argv=_medpay("simulator", party, *files, *arguments),
        env={**plain_environment(), "PYTHONUNBUFFERED": "1", **_UTF8},
        is_ready=answers(f"http://127.0.0.1:{port}/_sim/health"),
    )


def worker(settings: Settings, temporal: TemporalCommand) -> Component:
    async def is_ready(pid: int) -> bool:
        return await worker_is_polling(temporal, settings.task_queue, pid)

    return Component(name="worker", argv=_medpay("worker"), env=environment_of(settings), is_ready=is_ready)


def api(settings: Settings) -> Component:
    return Component(
        name="api",
        argv=_medpay("api"),
        env=environment_of(settings),
        is_ready=answers(f"{api_url(settings)}/health/ready"),
    )


def api_url(settings: Settings) -> str:
    """The address at which this machine reaches the API, even if it listens on every address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.api_host, settings.api_host)  # noqa: S104 - told apart
    scheme = "https" if settings.api_tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.api_port}"


def codec_url(settings: Settings) -> str:
    """The codec endpoint for the Temporal UI."""
    return f"{api_url(settings)}/codec"


def environment_of(settings: Settings) -> dict[str, str]:
    """Every setting as its variable, so that a child has the same ones whatever its folder's `.env` says.

    Its log is UTF-8 whatever the terminal is.
    """
    values = settings.model_dump(mode="json", exclude_none=True)
    ours = {env_name(field): str(value) for field, value in values.items()}
    return {**os.environ, **ours, "MEDPAY_DATABASE_URL": settings.database, "PYTHONUNBUFFERED": "1", **_UTF8}


def _medpay(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "cli", *arguments)
