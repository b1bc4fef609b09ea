"""A PostgreSQL server of our own: Debian's binaries, a temporary folder, a free port, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEBIAN = Path("/usr/lib/postgresql")
START_S_MAX = 60
_QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c unix_socket_directories="


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a running server, `127.0.0.1:PORT`; user `postgres`, no password. Skips where there is none."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server here: no initdb in PATH or under /usr/lib/postgresql")
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="medpay-postgres-"))
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        data, port = folder / "data", _free_port()
        _run(
            account, folder, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"
        )
        control = (binaries / "pg_ctl", "-D", data, "-w", "-t", str(START_S_MAX))
        options = f"-p {port} -c listen_addresses=127.0.0.1 {_QUICK}"
        _run(account, folder, *control, "-l", folder / "log", "-o", options, "start")
        try:
            yield f"127.0.0.1:{port}"
        finally:
            _run(account, folder, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path | None:
    """Where the newest server's programs are. Debian keeps them out of PATH."""
    versions = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _account() -> pwd.struct_passwd | None:
    """Whom to run the server as, where we are root: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _run(account: pwd.struct_passwd | None, folder: Path, *command: str | Path) -> None:
    """The server keeps what it inherits: its output goes to a file, since a pipe would never end."""
    with (folder / "output").open("ab") as output:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [str(part) for part in command],
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    assert done.returncode == 0, (folder / "output").read_text(encoding="utf-8", errors="replace")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
