"""Chooses the stack's ports: the user's choice, else last time's, else the default, else any free one."""

import contextlib
import errno
import json
import secrets
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

from cli.configuration import WRONG_USE, CommandError
from settings import Settings, env_name, is_loopback

LOOPBACK = "127.0.0.1"


def with_ports(settings: Settings, folder: Path, *, on_any: bool) -> tuple[Settings, list[str]]:
    """The settings with free ports, and what to tell the user about them. Raises `CommandError`.

    `on_any`: leave the default ports to another stack, as the demo does.
    """
    if not is_loopback(settings.temporal_host):
        raise CommandError(
            f"MEDPAY_TEMPORAL_ADDRESS: {settings.temporal_address} is not this machine; medpay up starts its own "
            "server and needs a loopback address (medpay api and medpay worker use any)",
            exit_code=WRONG_USE,
        )
    _no_tls(settings)
    book = PortBook(folder / "ports.json")

    def port(name: str, host: str, field: str, wanted: int) -> int:
        return book.choose(name, host, wanted, setting=setting_in_force(settings, field), on_any=on_any)

    temporal = port("temporal", settings.temporal_host, "temporal_address", settings.temporal_port)
    chosen: dict[str, object] = {
        "temporal_address": f"{settings.temporal_address.rpartition(':')[0]}:{temporal}",
        "temporal_ui_port": port("temporal-ui", settings.temporal_host, "temporal_ui_port", settings.temporal_ui_port),
        "sim_insurance_port": port("simulator-insurance", LOOPBACK, "sim_insurance_port", settings.sim_insurance_port),
        "sim_his_port": port("simulator-his", LOOPBACK, "sim_his_port", settings.sim_his_port),
        "api_port": port("api", settings.api_host, "api_port", settings.api_port),
        "data_dir": folder,
    }
    book.remember()
    return Settings(**{**settings.model_dump(), **chosen}), book.notes


def _no_tls(settings: Settings) -> None:
    """Raises `CommandError`."""
    for setting, wanted in (("API_TLS", settings.api_tls), ("TEMPORAL_TLS", settings.temporal_tls_files)):
        if wanted is not None:
            raise CommandError(
                f"MEDPAY_{setting}…: the embedded stack speaks in clear, on loopback; medpay api and medpay worker "
                "use it",
                exit_code=WRONG_USE,
            )


_FREE_FROM, _FREE_TO = 20_000, 32_000
"""Below the ephemeral ports of outgoing connections, so that a port found free stays free."""

_TRIES = 200


class PortBook:
    """The ports of one data folder. A restart takes the same ones if they are free, so that addresses stay."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._remembered = _read(path)
        self._taken: set[int] = set()
        self.chosen: dict[str, int] = {}
        self.notes: list[str] = []

    def choose(self, name: str, host: str, wanted: int, *, setting: str | None, on_any: bool = False) -> int:
        """A free port for the component `name`.

        `wanted`: the default, or with `setting` (a variable that the user set) the only port allowed.
        `on_any`: ignore the default and take any free one. Raises `CommandError` naming the setting.
        """
        if setting is not None:
            if not self._is_free(host, wanted):
                raise CommandError(f"{setting}: port {wanted} on {host} is taken", exit_code=WRONG_USE)
            port = wanted
        else:
            candidates = [] if on_any else [self._remembered.get(name, wanted), wanted]
            port = next((port for port in candidates if self._is_free(host, port)), 0) or any_free_port(
                host, self._taken
            )
            if port != wanted and not on_any:
                why = "as last time" if port == self._remembered.get(name) else f"because {wanted} is taken"
                self.notes.append(f"{name}: port {port} {why}")
        self._taken.add(port)
        self.chosen[name] = port
        return port

    def remember(self) -> None:
        """Save the chosen ports for the next start."""
        self._path.write_text(json.dumps(self.chosen, indent=2) + "\n", encoding="utf-8")

    def _is_free(self, host: str, port: int) -> bool:
        return port not in self._taken and is_free(host, port)


def any_free_port(host: str, taken: Collection[int] = ()) -> int:
    """A port at which a server could listen now, and that is not `taken`. Raises `CommandError`."""
    for _ in range(_TRIES):
        port = _FREE_FROM + secrets.randbelow(_FREE_TO - _FREE_FROM)
        if port not in taken and is_free(host, port):
            return port
    raise CommandError(f"no free port on {host} between {_FREE_FROM} and {_FREE_TO}")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises `CommandError` if the address is not this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise CommandError(f"{host} is not an address of this machine", exit_code=WRONG_USE) from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise CommandError(f"{host} is not an address of this machine", exit_code=WRONG_USE) from None
            if error.errno == errno.EACCES:
                raise CommandError(f"port {port} needs more rights than you have", exit_code=WRONG_USE) from None
            return False
    return True


def setting_in_force(settings: Settings, field: str) -> str | None:
    """The variable's name if the user set this setting, else None."""
    return env_name(field) if field in settings.model_fields_set else None


def _read(path: Path) -> Mapping[str, int]:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        ports = json.loads(path.read_text(encoding="utf-8"))
        return {name: port for name, port in ports.items() if isinstance(port, int)}
    return {}
