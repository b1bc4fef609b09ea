"""A PostgreSQL server that can be killed, frozen and started again with the data it had."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stack import postgres
from tests.support.stack.api_server import free_port


class PostgresServer:
    """Debian's server in a temporary folder. Its data survive the death of its processes, not of the machine."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        self._account = postgres._account()
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def create(self) -> None:
        if self._account is not None:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        """Start it, and wait until it answers: after a kill it recovers first."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c max_connections=200 {postgres._QUICK}"
        self._control("-w", "-t", "60", "-l", self._folder / "log", "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        """`how`: fast lets nobody finish; immediate does not even save."""
        self._control("-w", "-m", how, "stop")

    def signal(self, what: signal.Signals) -> None:
        """To every process of the server: each is in a group of its own."""
        leader = int((self._data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        # The leader last: without it the others would end by themselves, and a frozen one first makes no new ones.
        first = [leader] if what is signal.SIGSTOP else []
        for pid in (*first, *_children(leader), leader):
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                continue

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _control(self, *arguments: str | Path) -> None:
        self._run("pg_ctl", "-D", self._data, *arguments)

    def _run(self, program: str, *arguments: str | Path) -> None:
        postgres._run(self._account, self._folder, self._binaries / program, *arguments)


def _children(leader: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == leader:
            found.append(int(stat.parent.name))
    return found


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server, gone afterwards. Raises FileNotFoundError where none is installed."""
    binaries = postgres._binaries()
    if binaries is None:
        raise FileNotFoundError("no PostgreSQL server here: no initdb in PATH or under /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="medpay-chaos-postgres-"))
    server = PostgresServer(folder, binaries)
    try:
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder)
