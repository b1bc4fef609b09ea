"""Authenticated ciphers for what we keep: SM4-GCM (GB/T 32907), or AES-256-GCM where a hospital wants that.

A key's length says which: 16 bytes are SM4's, 32 are AES-256's. So a key is never used with the other cipher.
"""

import secrets
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

NONCE_BYTES = 12
TAG_BYTES = 16


class SealBrokenError(Exception):
    """A sealed text was changed, belongs elsewhere, or its key is not in this keyring."""


class SealCipher(StrEnum):
    SM4 = "sm4-gcm"
    AES_256 = "aes-256-gcm"

    @property
    def key_bytes(self) -> int:
        return 16 if self is SealCipher.SM4 else 32


_BY_KEY_BYTES = {cipher.key_bytes: cipher for cipher in SealCipher}


def cipher_of(key: bytes) -> SealCipher:
    """Raises ValueError on a length that is no cipher's."""
    try:
        return _BY_KEY_BYTES[len(key)]
    except KeyError:
        raise ValueError("must have 16 bytes (SM4) or 32 bytes (AES-256)") from None


def new_key(cipher: SealCipher) -> bytes:
    return secrets.token_bytes(cipher.key_bytes)


def seal(key: bytes, data: bytes, context: bytes) -> bytes:
    """Nonce, ciphertext and tag. It opens only with the same `context`, which is not part of it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    encryptor = Cipher(_algorithm(key), GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(context)
    return nonce + encryptor.update(data) + encryptor.finalize() + encryptor.tag


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Raises `SealBrokenError`."""
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise SealBrokenError("not a sealed text")
    nonce, tag = sealed[:NONCE_BYTES], sealed[-TAG_BYTES:]
    decryptor = Cipher(_algorithm(key), GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(context)
    try:
        return decryptor.update(sealed[NONCE_BYTES:-TAG_BYTES]) + decryptor.finalize()
    except InvalidTag:
        raise SealBrokenError("changed since it was sealed, or sealed for another place") from None


def _algorithm(key: bytes) -> SM4 | AES:
    return SM4(key) if cipher_of(key) is SealCipher.SM4 else AES(key)
