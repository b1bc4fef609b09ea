"""Authenticated ciphers for data at rest: SM4-GCM (GB/T 32907), or AES-256-GCM if a hospital prefers that.

A key's length decides its cipher, 16 bytes for SM4 and 32 for AES-256, so that no key is used with both.

SM4 comes from GmSSL: for payloads of some hundred bytes it takes a quarter of the time of `cryptography`, whose AEAD
classes lack SM4 (bench/codec.py). A test checks that the two agree byte for byte.
"""

import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import gmssl_pyx
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
TAG_BYTES = 16
_SEALED_BYTES_MIN = NONCE_BYTES + TAG_BYTES
_CHANGED = "changed since it was sealed, or sealed for another place"


class SealBrokenError(Exception):
    """A sealed text was changed, belongs to another place, or its key is not in this keyring."""


class SealCipher(StrEnum):
    SM4 = "sm4-gcm"
    AES_256 = "aes-256-gcm"

    @property
    def key_bytes(self) -> int:
        return 16 if self is SealCipher.SM4 else 32


class SealKey(Protocol):
    """One key of one cipher. `context` is authenticated along with the data, but not stored with it."""

    @property
    def cipher(self) -> SealCipher: ...

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Nonce, ciphertext and tag. Raises ValueError for empty data."""

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        """Raises `SealBrokenError`."""


class _Sm4Key:
    cipher = SealCipher.SM4

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, data: bytes, context: bytes) -> bytes:
        if not data:
            raise ValueError("nothing to seal")
        nonce = secrets.token_bytes(NONCE_BYTES)
        ciphertext, tag = gmssl_pyx.sm4_gcm_encrypt(self._key, nonce, context, data)
        return b"".join((nonce, ciphertext, tag))

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        if len(sealed) <= _SEALED_BYTES_MIN:
            raise SealBrokenError("not a sealed text")
        try:
            # On a wrong tag GmSSL also prints a line of its own source to standard error, but nothing of the text.
            return bytes(
                gmssl_pyx.sm4_gcm_decrypt(
                    self._key, sealed[:NONCE_BYTES], context, sealed[NONCE_BYTES:-TAG_BYTES], sealed[-TAG_BYTES:]
                )
            )
        except gmssl_pyx.GmsslInnerError:
            raise SealBrokenError(_CHANGED) from None


class _AesKey:
    cipher = SealCipher.AES_256

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, data: bytes, context: bytes) -> bytes:
        if not data:
            raise ValueError("nothing to seal")
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, data, context)

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        if len(sealed) <= _SEALED_BYTES_MIN:
            raise SealBrokenError("not a sealed text")
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except InvalidTag:
            raise SealBrokenError(_CHANGED) from None


_BY_LENGTH: dict[int, Callable[[bytes], SealKey]] = {
    SealCipher.SM4.key_bytes: _Sm4Key,
    SealCipher.AES_256.key_bytes: _AesKey,
}


def seal_key(key: bytes) -> SealKey:
    """The key, of the cipher that its length decides. Raises ValueError for any other length."""
    try:
        return _BY_LENGTH[len(key)](key)
    except KeyError:
        raise ValueError("must have 16 bytes (SM4) or 32 bytes (AES-256)") from None


def new_key(cipher: SealCipher) -> bytes:
    return secrets.token_bytes(cipher.key_bytes)
