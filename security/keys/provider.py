"""Where keys come from: the port for a hardware security module (密码机), and local keys without one."""

from pathlib import Path
from typing import Protocol

from security.crypto.keyring import Keyring
from security.crypto.sm import GmsslSigner, Signer
from security.keys.files import KeyringError

HARDWARE = "hsm:"
"""Prefix of a hospital's private_key that names a key inside its hardware module: `hsm:LABEL`."""


class KeyProvider(Protocol):
    """Passed to the composition roots (`worker.run_worker`, `api.app.create_app`).

    A hardware module rarely seals every payload itself: it unwraps the keyring at the start, and signs.
    """

    def keyring(self) -> Keyring:
        """Raises `KeyringError`."""

    def signer(self, private_key: str, user_id: str) -> Signer:
        """Signs as a hospital. `private_key`: its value in the hospitals file. Raises ValueError."""


class LocalKeys:
    """Keys from files and the environment. `keyring_json` takes precedence over the file."""

    def __init__(self, keyring_path: Path, keyring_json: str | None = None, *, practice: bool = True) -> None:
        """`practice`: whether a practice keyring may be used."""
        self._path = keyring_path
        self._json = keyring_json
        self._practice = practice

    def keyring(self) -> Keyring:
        keyring = Keyring.load(self._path) if self._json is None else Keyring.from_json(self._json, "MEDPAY_KEYRING")
        if keyring.for_practice and not self._practice:
            source = self._path if self._json is None else "MEDPAY_KEYRING"
            raise KeyringError(
                f"{source}: is a keyring for practice, and a party is not on this machine: medpay keys new keyring"
            )
        return keyring

    def signer(self, private_key: str, user_id: str) -> Signer:
        if private_key.startswith(HARDWARE):
            raise ValueError("no hardware module is connected: give the composition roots a KeyProvider of your own")
        return GmsslSigner(private_key, user_id)
