"""Practice keys, made by the embedded stack for itself, carry a mark by which they are recognised wherever they go.

Half of such a key is random, the other half a digest of the first. Another key looks like one with a probability of
2⁻¹²⁸. The random half is as strong as an SM4 key.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

KEY_BYTES = 32
_RANDOM_BYTES = 16
_MARK = b"medpay practice key"


def practice_bytes() -> bytes:
    """A new practice key of 32 bytes."""
    random = secrets.token_bytes(_RANDOM_BYTES)
    return random + _marked(random)


def is_for_practice(key: bytes) -> bool:
    """Whether `practice_bytes` made it."""
    return len(key) == KEY_BYTES and hmac.compare_digest(key[_RANDOM_BYTES:], _marked(key[:_RANDOM_BYTES]))


def practice_text() -> str:
    """A new practice key as URL-safe base64 without padding, for a header or a TOML file."""
    return base64.urlsafe_b64encode(practice_bytes()).decode("ascii").rstrip("=")


def is_practice_text(text: str) -> bool:
    """Whether `text` is a practice key in any base64 alphabet, padded or not."""
    encoded = text.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        return is_for_practice(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError):
        return False


def _marked(random: bytes) -> bytes:
    return hashlib.sha256(_MARK + random).digest()[: KEY_BYTES - _RANDOM_BYTES]
