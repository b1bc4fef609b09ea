"""Every way in which a marker may stand in somebody's bytes, and the search for them."""

import base64
import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote

NEEDLE_BYTES_MIN = 6
"""A shorter one is found in random bytes by chance: one of 4 bytes in each 4 GB, and sealed payloads are random."""

_BASE64_BITS = 6


def needles(marker: str) -> set[bytes]:
    """The bytes to look for. Raises ValueError where none is long enough."""
    escaped = json.dumps(marker)[1:-1]
    twice = json.dumps(escaped)[1:-1]
    found = {text.encode() for text in (marker, marker.lower(), marker.upper(), escaped, escaped.upper(), twice)}
    found |= _of_bytes(marker.encode())
    for charset in ("utf-16-le", "utf-16-be", "gb18030"):
        found |= {marker.encode(charset)} | _base64(marker.encode(charset))
    long_enough = {needle for needle in found if len(needle) >= NEEDLE_BYTES_MIN}
    if not long_enough:
        raise ValueError(f"too short to be looked for: {marker!r}")
    return long_enough


def _of_bytes(raw: bytes) -> set[bytes]:
    percent = {quote(raw), quote(raw, safe=""), quote(raw).lower(), "".join(f"%{byte:02X}" for byte in raw)}
    escaped = repr(raw)[2:-1]
    return {text.encode() for text in (*percent, escaped, raw.hex(), raw.hex().upper())} | _base64(raw)


def _base64(raw: bytes) -> set[bytes]:
    """At each of the three alignments: the characters that no neighbour has a part in."""
    found: set[bytes] = set()
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw)
        first, last = -(-before * 8 // _BASE64_BITS), (before + len(raw)) * 8 // _BASE64_BITS
        inner = text[first:last]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def leaks(markers: Iterable[str], places: Mapping[str, bytes]) -> set[tuple[str, str]]:
    """Which marker was found at which place, in any form."""
    sought = {marker: needles(marker) for marker in markers}
    return {
        (place, marker)
        for place, content in places.items()
        for marker, forms in sought.items()
        if any(form in content for form in forms)
    }
