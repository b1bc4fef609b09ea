"""The API as a process of its own, as `medpay api` starts it, whose memory can be looked at from outside."""

import dataclasses
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.stack import components
from cli.stack.child import answers
from cli.stack.supervisor import Supervisor
from tests.support.stack.api_server import free_port, prepare
from tests.support.waiting import WAIT_S_MAX

KIB = 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class ApiProcess:
    """`log`: what it has written."""

    host: str
    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def memory_kib(self) -> int:
        """What it holds in memory now. Raises FileNotFoundError where it is gone."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * _PAGE_BYTES // KIB


@asynccontextmanager
async def lonely_api(folder: Path) -> AsyncIterator[ApiProcess]:
    """The API with records of its own, and nobody behind it: Temporal is away."""
    # Without limits: else most hostile requests would meet 429, and nothing behind it.
    settings = prepare(
        folder,
        f"127.0.0.1:{free_port()}",
        api_port=free_port(),
        log_level="info",
        rate_limit_per_minute=0,
        refusals_per_minute=0,
    )
    settings = settings.model_copy(
        update={"hospitals_file": settings.hospitals_path, "keyring_file": settings.keyring_path}
    )
    logs = folder / "logs"
    logs.mkdir()
    component = components.api(settings)
    living = answers(f"{components.api_url(settings)}/health/live")
    async with Supervisor(logs) as supervisor:
        await supervisor.start(dataclasses.replace(component, is_ready=living, ready_s_max=WAIT_S_MAX))
        yield ApiProcess("127.0.0.1", settings.api_port, supervisor.pids["api"], logs / "api.log")
