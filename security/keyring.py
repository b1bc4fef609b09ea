"""The keys that seal personal data and tokens at rest: in the database and in workflow histories (product rule 12).

One JSON file of mode 600: `{"active": "k1", "keys": {"k1": base64}, "digest_key": base64 of 32 bytes}`. A key of 16
bytes is SM4's, one of 32 is AES-256's. New texts are sealed with the active key; the others still open what they
sealed.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Any, Self

from security import gcm
from security.gcm import SealBrokenError, SealCipher

__all__ = ["Keyring", "KeyringError", "SealBrokenError"]

DIGEST_KEY_BYTES = 32
FILE_BYTES_MAX = 65_536
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}", re.ASCII)


class KeyringError(Exception):
    """The keyring can't be used. One line that names the file and never holds a key."""


class Keyring:
    """Authenticated ciphers under named keys, and a keyed digest whose key is never rotated."""

    def __init__(self, active: str, keys: dict[str, bytes], digest_key: bytes) -> None:
        """Raises ValueError on a short key, a strange key id, or an active key that is missing."""
        if active not in keys:
            raise ValueError("the active key is not among the keys")
        for key_id, key in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError("a key's id is 1 to 16 letters, digits, - or _")
            _check_key(key_id, key)
        if len(digest_key) != DIGEST_KEY_BYTES:
            raise ValueError(f"digest_key must have {DIGEST_KEY_BYTES} bytes")
        self._active = active
        self._keys = keys
        self._digest_key = digest_key

    @property
    def active(self) -> str:
        """The id of the key that seals."""
        return self._active

    @property
    def cipher(self) -> SealCipher:
        """The active key's."""
        return gcm.cipher_of(self._keys[self._active])

    @classmethod
    def generate(cls, cipher: SealCipher = SealCipher.SM4) -> Self:
        """A new keyring with one key."""
        return cls("k1", {"k1": gcm.new_key(cipher)}, secrets.token_bytes(DIGEST_KEY_BYTES))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises `KeyringError` if the file is missing, readable by others, or broken."""
        text = _read_private(path)
        try:
            return cls._from_json(json.loads(text))
        except (ValueError, binascii.Error) as error:
            reason = "not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
            raise KeyringError(f"{path}: broken keyring: {reason}") from None

    def save(self, path: Path) -> None:
        """Write a new file of mode 600, whole or not at all.

        Raises `KeyringError` if there is one already: a lost key is lost data. Raises OSError if it can't be written.
        """
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(self._to_json())
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, never replaces a file.
            os.link(draft, path)
        except FileExistsError:
            raise KeyringError(f"{path}: there is a keyring already, it is never overwritten") from None
        finally:
            draft.unlink(missing_ok=True)

    def seal(self, text: str, context: str) -> str:
        """`text` as `KEY_ID:base64`. It opens only under the same `context`, which says where it belongs."""
        sealed = self.seal_bytes(text.encode(), context.encode())
        return f"{self._active}:{base64.b64encode(sealed).decode('ascii')}"

    def open(self, sealed: str, context: str) -> str:
        """Raises `SealBrokenError`."""
        key_id, _, data = sealed.partition(":")
        try:
            raw = base64.b64decode(data, validate=True)
        except ValueError:
            raise SealBrokenError("not a sealed text") from None
        return self.open_bytes(key_id, raw, context.encode()).decode()

    def seal_bytes(self, data: bytes, context: bytes) -> bytes:
        """Nonce, ciphertext and tag, under the active key."""
        return gcm.seal(self._keys[self._active], data, context)

    def open_bytes(self, key_id: str, sealed: bytes, context: bytes) -> bytes:
        """Raises `SealBrokenError`."""
        key = self._keys.get(key_id)
        if key is None:
            raise SealBrokenError("sealed with a key that is not in the keyring")
        return gcm.unseal(key, sealed, context)

    def digest(self, text: str) -> str:
        """HMAC-SHA256 in hex: equal texts can be found without being stored."""
        return hmac.new(self._digest_key, text.encode(), hashlib.sha256).hexdigest()

    @classmethod
    def _from_json(cls, content: Any) -> Self:  # noqa: ANN401 - whatever JSON holds; it is checked here
        if not isinstance(content, dict) or content.keys() != {"active", "keys", "digest_key"}:
            raise ValueError("must have active, keys and digest_key")
        if not isinstance(content["active"], str) or not isinstance(content["keys"], dict):
            raise ValueError("active must be a key's id, keys an object")  # noqa: TRY004 - a broken file, not a broken call
        keys = {key_id: _decoded(key, f"key {key_id}") for key_id, key in content["keys"].items()}
        return cls(content["active"], keys, _decoded(content["digest_key"], "digest_key"))

    def _to_json(self) -> str:
        content = {
            "active": self._active,
            "keys": {key_id: _encoded(key) for key_id, key in self._keys.items()},
            "digest_key": _encoded(self._digest_key),
        }
        return json.dumps(content, indent=2) + "\n"


def _check_key(key_id: str, key: bytes) -> None:
    try:
        gcm.cipher_of(key)
    except ValueError as error:
        raise ValueError(f"key {key_id} {error}") from None


def _read_private(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise KeyringError(f"{path}: others may read this keyring, its mode must be 600")
            return file.read(FILE_BYTES_MAX).decode("ascii", "replace")
    except OSError as error:
        raise KeyringError(f"{path}: can't read the keyring: {error.strerror}") from None


def _decoded(value: Any, name: str) -> bytes:  # noqa: ANN401 - whatever JSON holds; it is checked here
    if not isinstance(value, str):
        raise ValueError(f"{name} must be base64")  # noqa: TRY004 - a broken file, not a broken call
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError(f"{name} must be base64") from None


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")
