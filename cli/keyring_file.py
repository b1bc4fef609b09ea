"""The keyring for a command, or the line that says why not."""

from cli.failures import WRONG_USE, CommandError
from security.crypto.keyring import Keyring, KeyringError
from security.keys.provider import LocalKeys
from settings import Settings


def read_keyring(settings: Settings) -> Keyring:
    """Raises `CommandError`, also for one made for practice where that is not to be used."""
    try:
        return LocalKeys(settings.keyring_path, settings.keyring, practice=not settings.guards_keys()).keyring()
    except KeyringError as error:
        source = "" if settings.keyring is not None else "MEDPAY_KEYRING_FILE: "
        raise CommandError(f"{source}{error}", exit_code=WRONG_USE) from None
