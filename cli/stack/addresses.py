"""The settings in force once every port of the embedded stack is chosen."""

from pathlib import Path

from cli.failures import WRONG_USE, CommandError
from cli.stack.ports import PortBook, setting_in_force
from settings import Settings, is_loopback

LOOPBACK = "127.0.0.1"


def with_ports(settings: Settings, folder: Path, *, on_any: bool) -> tuple[Settings, list[str]]:
    """The same settings with free ports, and what to tell the user about them. Raises `CommandError`.

    `on_any`: the demo's way, which leaves the default ports to a stack that may run beside it.
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
