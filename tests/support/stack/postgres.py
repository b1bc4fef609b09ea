"""A PostgreSQL server of our own: Debian's binaries, a temporary folder, a free port, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.stack.api_server import free_port
from tests.support.tls.authority import Issued

DEBIAN = Path("/usr/lib/postgresql")
START_S_MAX = 60
_QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c unix_socket_directories="


@contextmanager
def postgres_server(server: Issued | None = None, client_ca: Path | None = None) -> Iterator[str]:
    """The address of a running server, `127.0.0.1:PORT`; user `postgres`, no password. Skips where there is none.

    `server` and `client_ca`: only over TLS with this certificate, for who shows one that `client_ca` signed.
    """
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server here: no initdb in PATH or under /usr/lib/postgresql")
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="medpay-postgres-"))
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        data, port = folder / "data", free_port()
        _run(
            account, folder, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"
        )
        control = (binaries / "pg_ctl", "-D", data, "-w", "-t", str(START_S_MAX))
        options = f"-p {port} -c listen_addresses=127.0.0.1 {_QUICK}"
        if server is not None and client_ca is not None:
            options += _only_tls(account, folder, server, client_ca)
        _run(account, folder, *control, "-l", folder / "log", "-o", options, "start")
        try:
            yield f"127.0.0.1:{port}"
        finally:
            _run(account, folder, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _only_tls(account: pwd.struct_passwd | None, folder: Path, server: Issued, client_ca: Path) -> str:
    """The options of it; the files are copied to where the server may read them."""
    made = {"server.pem": server.cert, "server.key": server.key, "clients.pem": client_ca}
    for name, source in made.items():
        shutil.copy(source, folder / name)
        (folder / name).chmod(0o600)
    (folder / "hba").write_text("hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n", encoding="utf-8")
    if account is not None:
        for name in (*made, "hba"):
            os.chown(folder / name, account.pw_uid, account.pw_gid)
    files = {"cert": "server.pem", "key": "server.key", "ca": "clients.pem"}
    return "".join(
        [
            f" -c ssl=on -c hba_file={folder}/hba",
            *(f" -c ssl_{part}_file={folder}/{name}" for part, name in files.items()),
        ]
    )


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
