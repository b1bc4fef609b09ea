"""Settings and hospitals for a command, or the line that says what is wrong with them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from cli.failures import WRONG_USE, CommandError
from hospitals import ConfigError, Hospital, load_hospitals, unguarded
from settings import Settings, complaints


def read_settings() -> Settings:
    """The settings of the environment and `.env`. Raises `CommandError` naming the variable."""
    try:
        return Settings()
    except ValidationError as invalid:
        raise CommandError(*complaints(invalid), exit_code=WRONG_USE) from None


def read_hospitals(settings: Settings) -> Mapping[str, Hospital]:
    """The hospitals file that the settings name. Raises `CommandError` with a line for each problem."""
    if not settings.hospitals_path.is_file():
        raise CommandError(f"MEDPAY_HOSPITALS_FILE: there is no file {settings.hospitals_path}", exit_code=WRONG_USE)
    hospitals = read_hospitals_file(settings.hospitals_path, settings.guards_keys)
    if settings.hospital not in hospitals:
        known = ", ".join(hospitals)
        raise CommandError(
            f"MEDPAY_HOSPITAL: {settings.hospital} is not in {settings.hospitals_path} (there: {known})",
            exit_code=WRONG_USE,
        )
    return hospitals


def read_hospitals_file(path: Path, guarded: Callable[..., bool] = unguarded) -> Mapping[str, Hospital]:
    """Raises `CommandError` with a line for each problem."""
    try:
        return load_hospitals(path, guarded)
    except ConfigError as error:
        raise CommandError(*str(error).splitlines(), exit_code=WRONG_USE) from None
