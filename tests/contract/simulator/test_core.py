"""What both simulators stand on: the server's end, and a transaction that breaks."""

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from simulator.core.endpoint import Answer, Done, endpoint
from simulator.core.faults import FaultKind
from simulator.core.server import new_app
from simulator.core.store import Store, Verdict
from tests.support.parties.listening import serving
from tests.support.stack.api_server import free_port
from tests.support.waiting import WAIT_S_MAX, until

LISTENS = "0A"
"""The state of a listening socket in /proc/net/tcp."""

SERVER = """
import sys
from pathlib import Path
from simulator.core.server import new_app, run
from simulator.core.store import Store
run(new_app(Store.open(Path(sys.argv[1]), "", {})), sys.argv[2], int(sys.argv[3]))
"""


class Broken:
    """A call that fails in a way nobody thought of."""

    med_org_ord = "M1"
    pay_ord_id = ""

    async def apply(self, fault: FaultKind | None) -> Done:
        raise LookupError(fault)

    async def refuse(self, message: str) -> Answer:
        return {"message": message}


async def test_a_transaction_that_breaks_has_failed(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "state.db", "", {"visit": frozenset(FaultKind)})

    async def read(_: bytes) -> Broken:
        return Broken()

    app = new_app(store)
    app.router.add_post("/visit", endpoint(store, "visit", read))
    async with serving(app) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/visit") as response:
            assert response.status == 500
        (call,) = store.calls.rows("M1")
        assert call["verdict"] == Verdict.FAILED


async def started(database: Path, host: str, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, database, host, str(port), stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", False), ("0.0.0.0", True)])  # noqa: S104 - told apart
async def test_it_serves_until_it_is_told_to_end(tmp_path: Path, host: str, *, warned: bool) -> None:
    process = await started(tmp_path / "state.db", host, free_port())
    try:
        await until(lambda: _listening(process.pid))
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), WAIT_S_MAX)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert (b"control calls" in errors) is warned


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "state.db", "", {})
    async with serving(new_app(store)) as url:
        process = await started(tmp_path / "other.db", "127.0.0.1", int(url.rpartition(":")[2]))
        _, errors = await asyncio.wait_for(process.communicate(), WAIT_S_MAX)
    assert process.returncode == 1
    assert b"OSError" in errors


def _listening(pid: int) -> bool:
    """Whether the process itself listens: the port alone may be somebody else's by now."""
    sockets = {row.split()[9] for row in Path("/proc/net/tcp").read_text().splitlines() if row.split()[3] == LISTENS}
    try:
        return any(str(file.readlink()) in {f"socket:[{inode}]" for inode in sockets} for file in _files(pid))
    except FileNotFoundError:
        return False  # closed while we looked


def _files(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())
