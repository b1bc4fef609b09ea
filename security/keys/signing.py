"""Signing secrets of callers' requests and of our webhooks.

A request is signed with HMAC-SHA256 over method, target, timestamp, nonce and body (docs/access.md). A webhook is
signed as Standard Webhooks prescribes; its secret is `whsec_` and base64 of 24 to 64 bytes.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from datetime import timedelta

TIMESTAMP_HEADER = "X-Timestamp"
NONCE_HEADER = "X-Nonce"
SIGNATURE_HEADER = "X-Signature"

FRESH_FOR = timedelta(minutes=5)
"""How far a call's timestamp may differ from our clock, in either direction."""

SECRET_CHARS_MIN = 32
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
WEBHOOK_PREFIX = "whsec_"
WEBHOOK_BYTES_MIN, WEBHOOK_BYTES_MAX = 24, 64
_NEW_WEBHOOK_BYTES = 32
_WRONG_WEBHOOK = f"must be {WEBHOOK_PREFIX} and base64 of {WEBHOOK_BYTES_MIN} to {WEBHOOK_BYTES_MAX} bytes"


def new_signing_secret() -> str:
    """32 random bytes as URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def check_signing_secret(secret: str) -> None:
    """Raises ValueError if the secret is too short."""
    if len(secret) < SECRET_CHARS_MIN:
        raise ValueError(f"must have at least {SECRET_CHARS_MIN} characters: `medpay keys new signing` makes one")


def signature(secret: str, method: str, target: str, body: bytes, *, timestamp: str, nonce: str) -> str:
    """A request's signature, in hex. `target`: path and query as in the request line. `timestamp`: Unix time in s."""
    text = "\n".join((method.upper(), target, timestamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(secret.encode(), text.encode("latin-1"), hashlib.sha256).hexdigest()


def signed_headers(secret: str, method: str, target: str, body: bytes) -> dict[str, str]:
    """The signature headers of a call made now."""
    timestamp, nonce = str(int(time.time())), secrets.token_urlsafe(24)
    return {
        TIMESTAMP_HEADER: timestamp,
        NONCE_HEADER: nonce,
        SIGNATURE_HEADER: signature(secret, method, target, body, timestamp=timestamp, nonce=nonce),
    }


def new_webhook_secret() -> str:
    return WEBHOOK_PREFIX + base64.b64encode(secrets.token_bytes(_NEW_WEBHOOK_BYTES)).decode()


def check_webhook_secret(secret: str) -> None:
    """Raises ValueError, whose text never contains the secret."""
    encoded = secret.removeprefix(WEBHOOK_PREFIX)
    try:
        # Without padding too, as the receivers' libraries allow.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_WRONG_WEBHOOK) from None
    if encoded == secret or not WEBHOOK_BYTES_MIN <= len(key) <= WEBHOOK_BYTES_MAX:
        raise ValueError(_WRONG_WEBHOOK)
