"""The keys that seal personal data and tokens at rest: in the database and in workflow histories (product rule 12).

As JSON: `{"active": "k1", "keys": {"k1": base64}, "digest_key": base64 of 32 bytes}`. Keys of 16 bytes are for SM4,
keys of 32 bytes for AES-256. The active key seals; the others still open what they sealed.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from domain.values.written import bare, from_base64
from security.crypto import gcm
from security.crypto.gcm import SealBrokenError, SealCipher
from security.keys import files as key_files
from security.keys.files import KeyringError
from security.keys.practice import is_for_practice, practice_bytes

__all__ = ["Keyring", "KeyringError", "SealBrokenError"]
DIGEST_KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}", re.ASCII)
_READ_AGAIN_S = 1.0
_NUMBERED = re.compile(r"k([0-9]{1,9})", re.ASCII)


class Keyring:
    """Named keys of authenticated ciphers, and the key of a digest, which is never rotated."""

    def __init__(
        self,
        active: str,
        keys: dict[str, bytes],
        digest_key: bytes,
        latest: "Callable[[], Keyring | None] | None" = None,
    ) -> None:
        """`latest`: reads the keyring again, for a key that was added since.

        Raises ValueError for a key of the wrong length, a malformed key id, or an active key that is missing.
        """
        if active not in keys:
            raise ValueError("the active key is not among the keys")
        if len(digest_key) != DIGEST_KEY_BYTES:
            raise ValueError(f"digest_key must have {DIGEST_KEY_BYTES} bytes")
        self._active = active
        self._raw = keys
        self._keys = {key_id: _seal_key(key_id, key) for key_id, key in keys.items()}
        self._digest_key = digest_key
        self._latest = latest

    @property
    def active(self) -> str:
        """The id of the key that seals."""
        return self._active

    @property
    def cipher(self) -> SealCipher:
        """The active key's cipher."""
        return self._keys[self._active].cipher

    @property
    def ciphers(self) -> dict[str, SealCipher]:
        """Every key's cipher, by its id."""
        return {key_id: key.cipher for key_id, key in self._keys.items()}

    @property
    def for_practice(self) -> bool:
        """Whether the embedded stack made it for itself, rotated since or not."""
        return is_for_practice(self._digest_key)

    @classmethod
    def generate(cls, cipher: SealCipher = SealCipher.SM4) -> Self:
        """A new keyring with one key."""
        return cls("k1", {"k1": gcm.new_key(cipher)}, secrets.token_bytes(DIGEST_KEY_BYTES))

    @classmethod
    def generate_for_practice(cls) -> Self:
        """A new keyring marked `for_practice`."""
        return cls("k1", {"k1": gcm.new_key(SealCipher.SM4)}, practice_bytes())

    def rotated(self, cipher: SealCipher) -> "Keyring":
        """This keyring with a new active key, whose id is the next number."""
        numbers = (int(found[1]) for key_id in self._raw if (found := _NUMBERED.fullmatch(key_id)))
        new = f"k{max(numbers, default=0) + 1}"
        return Keyring(new, {**self._raw, new: gcm.new_key(cipher)}, self._digest_key)

    def without(self, key_ids: Iterable[str]) -> "Keyring":
        """This keyring without some keys: what they sealed can never be opened again.

        Raises ValueError for the active key or an unknown one.
        """
        gone = set(key_ids)
        if unknown := gone - self._raw.keys():
            raise ValueError(f"there is no key {min(unknown)}")
        if self._active in gone:
            raise ValueError(f"{self._active} is the active key")
        kept = {key_id: key for key_id, key in self._raw.items() if key_id not in gone}
        return Keyring(self._active, kept, self._digest_key)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The keyring in the file, which is read again for keys that other processes have added since.

        Raises `KeyringError` if the file is missing, readable by others, or broken.
        """
        return cls.from_json(key_files.read_private(path), str(path), _Latest(path))

    @classmethod
    def from_json(cls, text: str, source: str, latest: "Callable[[], Keyring | None] | None" = None) -> Self:
        """The keyring in a JSON text. Raises `KeyringError` naming `source`."""
        try:
            return cls(*_content(json.loads(bare(text))), latest)
        except (ValueError, binascii.Error) as error:
            reason = "not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
            raise KeyringError(f"{source}: broken keyring: {reason}") from None

    def save(self, path: Path) -> None:
        """Write a new file of mode 600, whole or not at all.

        Raises `KeyringError` if the file exists, since a lost key is lost data; OSError if it can't be written.
        """
        key_files.write_new(path, self._to_json())

    def replace(self, path: Path) -> None:
        """Replace the file, whole or not at all. Raises OSError if it can't be written."""
        key_files.write_over(path, self._to_json())

    def seal(self, text: str, context: str) -> str:
        """`text`, sealed, as `KEY_ID:base64`. Only the same `context`, the place it belongs to, opens it again.

        Raises ValueError for an empty text.
        """
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
        """Nonce, ciphertext and tag, under the active key. Raises ValueError for empty data."""
        return self._keys[self._active].seal(data, context)

    def open_bytes(self, key_id: str, sealed: bytes, context: bytes) -> bytes:
        """Raises `SealBrokenError`."""
        key = self.key(key_id)
        if key is None:
            raise SealBrokenError("sealed with a key that is not in the keyring")
        return key.unseal(sealed, context)

    def key(self, key_id: str) -> gcm.SealKey | None:
        """The key, also if it was added to the file since. None: there is no such key."""
        if key_id not in self._keys and self._latest is not None and (later := self._latest()) is not None:
            found = later.key(key_id)
            if found is not None:
                self._keys[key_id] = found
        return self._keys.get(key_id)

    def digest(self, text: str) -> str:
        """HMAC-SHA256 in hex, to compare texts without storing them."""
        return hmac.new(self._digest_key, text.encode(), hashlib.sha256).hexdigest()

    def _to_json(self) -> str:
        content = {
            "active": self._active,
            "keys": {key_id: _encoded(key) for key_id, key in self._raw.items()},
            "digest_key": _encoded(self._digest_key),
        }
        return json.dumps(content, indent=2) + "\n"


class _Latest:
    """Reads the file again, at most once a second: texts with made-up key ids must not keep us busy."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next_at = 0.0

    def __call__(self) -> Keyring | None:
        """None if the file was read just now or is not usable: the keyring loaded before stays in use."""
        if time.monotonic() < self._next_at:
            return None
        self._next_at = time.monotonic() + _READ_AGAIN_S
        with suppress(KeyringError):
            return Keyring.from_json(key_files.read_private(self._path), str(self._path))
        return None


def _content(content: object) -> tuple[str, dict[str, bytes], bytes]:
    """Active key, keys, digest key. Raises ValueError."""
    if not isinstance(content, dict) or content.keys() != {"active", "keys", "digest_key"}:
        raise ValueError("must have active, keys and digest_key")
    if not isinstance(content["active"], str) or not isinstance(content["keys"], dict):
        raise ValueError("active must be a key's id, keys an object")
    keys = {key_id: _decoded(key, f"key {key_id}") for key_id, key in content["keys"].items()}
    return content["active"], keys, _decoded(content["digest_key"], "digest_key")


def _seal_key(key_id: str, key: bytes) -> gcm.SealKey:
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError("a key's id is 1 to 16 letters, digits, - or _")
    try:
        return gcm.seal_key(key)
    except ValueError as error:
        raise ValueError(f"key {key_id} {error}") from None


def _decoded(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be base64")
    try:
        return from_base64(value)
    except ValueError as problem:
        raise ValueError(f"{name} must be base64: it {problem}") from None


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")
