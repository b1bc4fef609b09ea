"""Keys that the embedded stack makes for itself bear a mark, so that they are recognised wherever they are copied to.

Half of such a key is random, the other half is a digest of that: no other key looks so but by a chance of 2⁻¹²⁸ or, of
shorter keys, 2⁻⁶⁴. The random half is as strong as SM4's keys are.
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
    """A new key of 32 bytes, half of them random."""
    random = secrets.token_bytes(_RANDOM_BYTES)
    return random + _marked(random)


def is_for_practice(key: bytes) -> bool:
    """Whether `practice_bytes` made it."""
    return len(key) == KEY_BYTES and hmac.compare_digest(key[_RANDOM_BYTES:], _marked(key[:_RANDOM_BYTES]))


def practice_text() -> str:
    """The same as text without padding that fits into a header or a TOML file."""
    return base64.urlsafe_b64encode(practice_bytes()).decode("ascii").rstrip("=")


def is_practice_text(text: str) -> bool:
    """Whether `text` is such a key in any base64, with padding or without."""
    encoded = text.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        return is_for_practice(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError):
        return False


def _marked(random: bytes) -> bytes:
    return hashlib.sha256(_MARK + random).digest()[: KEY_BYTES - _RANDOM_BYTES]
