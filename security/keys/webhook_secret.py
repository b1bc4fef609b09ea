"""What signs a webhook, as Standard Webhooks writes it: `whsec_` and base64 of 24 to 64 bytes."""

import base64
import binascii
import secrets

PREFIX = "whsec_"
BYTES_MIN, BYTES_MAX = 24, 64
_NEW_BYTES = 32
_WRONG = f"must be {PREFIX} and base64 of {BYTES_MIN} to {BYTES_MAX} bytes"


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def check_secret(secret: str) -> None:
    """Raises ValueError, whose text never holds it."""
    encoded = secret.removeprefix(PREFIX)
    try:
        # Padding may be left out, as the receivers' libraries allow.
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_WRONG) from None
    if encoded == secret or not BYTES_MIN <= len(key) <= BYTES_MAX:
        raise ValueError(_WRONG)
