"""The embedded stack as a context manager: everything is ready inside its block, and nothing is left after it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.configuration import WRONG_USE, CommandError, read_hospitals, read_keyring
from cli.connections import migrate
from cli.stack import components, practice
from cli.stack.folder import data_folder, disk_trouble_in_one_line
from cli.stack.ports import LOOPBACK, with_ports
from cli.stack.supervisor import Supervisor
from cli.stack.temporal import TemporalCommand, hidden_ui, temporal_binary, temporal_server, temporal_ui
from security.keys.practice import practice_text
from settings import Settings, is_loopback

Say = Callable[[str], None]


@dataclass(frozen=True)
class EmbeddedStack:
    """A running stack. `settings`: those in force, with the chosen ports and absolute paths."""

    settings: Settings
    supervisor: Supervisor

    @property
    def api_url(self) -> str:
        return components.api_url(self.settings)

    @property
    def temporal_ui_url(self) -> str:
        return f"http://{self.settings.temporal_address.rpartition(':')[0]}:{self.settings.temporal_ui_port}"

    @property
    def codec_url(self) -> str:
        return components.codec_url(self.settings)

    @property
    def insurance_url(self) -> str:
        return f"http://{LOOPBACK}:{self.settings.sim_insurance_port}"

    @property
    def his_url(self) -> str:
        return f"http://{LOOPBACK}:{self.settings.sim_his_port}"

    @property
    def person_key_files(self) -> dict[str, Path]:
        """The keys of the practice hospital's people; empty if the hospitals file is the user's own."""
        folder = self.settings.data_dir
        own_file = self.settings.hospitals_path != folder / "hospitals.toml"
        return {} if own_file else {person: practice.person_key_file(folder, person) for person in practice.PEOPLE}

    def workflow_url(self, workflow_id: str) -> str:
        return f"{self.temporal_ui_url}/namespaces/{self.settings.temporal_namespace}/workflows/{workflow_id}"


@asynccontextmanager
async def embedded_stack(wanted: Settings, say: Say, *, on_any_port: bool = False) -> AsyncIterator[EmbeddedStack]:
    """Start everything and wait until it is ready. Raises `CommandError` or `ComponentFailed`."""
    binary = temporal_binary(wanted.temporal_cli)
    with data_folder(wanted.data_dir.expanduser().resolve(), say) as folder:
        with disk_trouble_in_one_line(folder):
            ported, notes = with_ports(wanted, folder, on_any=on_any_port)
            settings = _with_files(ported, folder, say)
            hidden_ui(folder, anew=True)
        for note in notes:
            say(note)
        await migrate(settings.database)
        temporal = TemporalCommand(binary, settings.temporal_address, settings.temporal_namespace)
        async with Supervisor(folder / "logs", on_ready=lambda name: say(f"{name}: ready")) as supervisor:
            await supervisor.start(
                temporal_server(settings, temporal, folder, components.codec_url(settings)),
                components.simulator(settings, "insurance", settings.sim_insurance_port),
                components.simulator(settings, "his", settings.sim_his_port),
            )
            await supervisor.start(
                components.worker(settings, temporal), components.api(settings), temporal_ui(settings, folder)
            )
            yield EmbeddedStack(settings, supervisor)


def _with_files(settings: Settings, folder: Path, say: Say) -> Settings:
    """Make the files that are missing: API key, keyring, hospitals file, the simulated centre's configuration."""
    addresses = practice.Addresses(
        insurance_url=settings.insurance_url or f"http://{LOOPBACK}:{settings.sim_insurance_port}",
        his_url=settings.his_url or f"http://{LOOPBACK}:{settings.sim_his_port}",
        notice_url=f"{components.api_url(settings)}/api/v1/insurance/settlement-notice",
    )
    keyring = settings.keyring_path.absolute()
    if settings.keyring is None:
        practice.make_keyring(keyring)
    own_file = settings.hospitals_file and settings.hospitals_file.absolute()
    complete = {
        "api_key": settings.api_key or practice.make_api_key(folder),
        "keyring_file": keyring,
        "hospitals_file": own_file or practice.make_hospital(folder, settings.hospital, addresses),
    }
    settings = Settings(**{**settings.model_dump(), **complete})
    if settings.weak_api_key is not None:
        raise CommandError(settings.weak_api_key, exit_code=WRONG_USE)
    hospitals = read_hospitals(settings)
    read_keyring(settings, hospitals)
    hospital = hospitals[settings.hospital]
    # A real centre's secret is none of its simulator's business.
    simulated = is_loopback(urlsplit(hospital.centre.url).hostname or "")
    practice.make_centre(folder, hospital, addresses.notice_url, hospital.app_secret if simulated else practice_text())
    simulator_key = practice.centre_public_key(folder)
    if hospital.centre.url == addresses.insurance_url and hospital.centre.platform_public_key != simulator_key:
        say(
            f"{settings.hospitals_path}: the simulated centre's answers will not be believed, since its "
            f"platform_public_key is {simulator_key}"
        )
    return settings
