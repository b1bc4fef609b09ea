"""Signed requests: HMAC-SHA256 over what is called, with what, when, and a word that is used once (docs/access.md)."""

import base64
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
"""How far a call's timestamp may be from our clock, to either side."""
SECRET_CHARS_MIN = 32
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


def new_secret() -> str:
    """32 random bytes, as text."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def check_secret(secret: str) -> None:
    """Raises ValueError for one that is too short to sign with."""
    if len(secret) < SECRET_CHARS_MIN:
        raise ValueError(f"must have at least {SECRET_CHARS_MIN} characters: `medpay keys new signing` makes one")


def signature(secret: str, method: str, target: str, timestamp: str, nonce: str, body: bytes) -> str:  # noqa: PLR0913, PLR0917 - what is signed
    """In hex. `target`: path and query as they stand in the request line. `timestamp`: Unix time in seconds."""
    text = "\n".join((method.upper(), target, timestamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(secret.encode(), text.encode("latin-1"), hashlib.sha256).hexdigest()


def signed_headers(secret: str, method: str, target: str, body: bytes) -> dict[str, str]:
    """The headers of one call, made now."""
    timestamp, nonce = str(int(time.time())), secrets.token_urlsafe(24)
    return {
        TIMESTAMP_HEADER: timestamp,
        NONCE_HEADER: nonce,
        SIGNATURE_HEADER: signature(secret, method, target, timestamp, nonce, body),
    }
