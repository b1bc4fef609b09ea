"""The keyring for a command, or the line that says why not."""

from cli.failures import WRONG_USE, CommandError
from security.keyring import Keyring, KeyringError
from settings import Settings


def read_keyring(settings: Settings) -> Keyring:
    """Raises `CommandError`."""
    try:
        return Keyring.load(settings.keyring_path)
    except KeyringError as error:
        raise CommandError(f"MEDPAY_KEYRING_FILE: {error}", exit_code=WRONG_USE) from None
