"""SM2 keys as people write them: base64 of the numbers alone, hex, or the DER and PEM forms of Java and OpenSSL."""

import base64
import re
from typing import Literal

import gmssl_pyx

from domain.values.written import bare, from_base64

PRIVATE_KEY_BYTES = 32
PUBLIC_KEY_BYTES = 64
UNCOMPRESSED = b"\x04"

ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""Of the curve recommended by GB/T 32918.5."""

_Kind = Literal["private", "public"]

_HEX_DIGITS = {"private": {62, 63, 64, 66}, "public": {66, 128, 130}}
"""By kind of key. Java's BigInteger drops leading zeros. Base64 of these lengths is never that of a key."""

_PLAIN_BYTES = {31, 32, 33, 64, 65}
"""Of the numbers alone, which may begin with the same byte as DER."""

_COMPRESSED = (b"\x02", b"\x03")
_HEX = re.compile(r"(?:0[xX])?([0-9A-Fa-f]+)", re.ASCII)
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_PARAMETERS = " PARAMETERS"

# DER tags (below also 02 integer, 03 bit string, 04 octet string), and the OID 1.2.156.10197.1.301 (sm2p256v1).
_OID, _SEQUENCE, _CURVE = 0x06, 0x30, 0xA0
_SM2 = bytes.fromhex("2a811ccf5501822d")
_LONG_FORM = 0x80

_Der = list[tuple[int, bytes]]


def private_key_bytes(text: str) -> bytes:
    """The 32 bytes of d. Raises ValueError, which never repeats the key.

    `text`: base64 or hex of 32 bytes, of 33 with a leading 00, or of 31 (Java's BigInteger adds the 00 or drops it), or
    base64 or PEM of PKCS#8 or SEC 1.
    """
    raw = _raw(text, "private")
    if len(raw) == PRIVATE_KEY_BYTES + 1 and raw[0] == 0:
        raw = raw[1:]
    if len(raw) == PRIVATE_KEY_BYTES - 1:
        raw = b"\0" + raw
    if len(raw) != PRIVATE_KEY_BYTES:
        likeness = ", a public key's length" if len(raw) in {PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + 1} else ""
        raise ValueError(
            f"an SM2 private key is base64 of 32 bytes (or 33 with a leading 00, or 31), not of {len(raw)}{likeness}"
        )
    if not 0 < int.from_bytes(raw) < ORDER - 1:
        raise ValueError("the SM2 private key is out of the curve's range")
    return raw


def public_key_bytes(text: str) -> bytes:
    """X and Y, 64 bytes. Raises ValueError.

    `text`: base64 or hex of 64 bytes, or of 65 with a leading 04, or base64 or PEM of a SubjectPublicKeyInfo (X.509).
    """
    raw = _raw(text, "public")
    if len(raw) == PRIVATE_KEY_BYTES + 1 and raw.startswith(_COMPRESSED):
        raise ValueError("the SM2 public key is compressed (it begins with 02 or 03): ask for all 65 bytes")
    if len(raw) == PUBLIC_KEY_BYTES + 1 and raw.startswith(UNCOMPRESSED):
        raw = raw[1:]
    if len(raw) != PUBLIC_KEY_BYTES:
        likeness = ", a private key's length" if len(raw) in {PRIVATE_KEY_BYTES, PRIVATE_KEY_BYTES + 1} else ""
        raise ValueError(
            f"an SM2 public key is base64 of 64 bytes (or 65 with a leading 04), not of {len(raw)}{likeness}"
        )
    try:
        return bytes(gmssl_pyx.normalize_sm2_public_key(raw))
    except (gmssl_pyx.GmsslInnerError, ValueError) as error:
        raise ValueError("the SM2 public key is not a point on the curve") from error


def private_key_text(text: str) -> str:
    """Base64 of the 32 bytes of d, in whatever form the key was written. Raises ValueError."""
    return base64.b64encode(private_key_bytes(text)).decode()


def public_key_text(text: str) -> str:
    """Base64 of 04, X and Y, in whatever form the key was written. Raises ValueError."""
    return base64.b64encode(UNCOMPRESSED + public_key_bytes(text)).decode()


def _raw(text: str, kind: _Kind) -> bytes:
    """The key's numbers as bytes, whatever they came in. Raises ValueError."""
    written = bare(text)
    blocks = [body for label, body in _PEM.findall(written) if not label.endswith(_PARAMETERS)]
    joined = "".join((blocks[0] if blocks else written).split())
    found = _HEX.fullmatch(joined.replace(":", ""))
    if found and len(found[1]) in _HEX_DIGITS[kind]:
        return bytes.fromhex(found[1].zfill(len(found[1]) + len(found[1]) % 2))
    try:
        raw = from_base64(joined)
    except ValueError as problem:
        raise ValueError(f"the SM2 {kind} key {problem}") from None
    is_der = raw[:1] == bytes([_SEQUENCE]) and len(raw) not in _PLAIN_BYTES
    return _from_der(raw, kind) if is_der else raw


def _from_der(raw: bytes, kind: _Kind) -> bytes:
    try:
        found, key = _in_der(raw)
    except (ValueError, IndexError):
        raise ValueError(f"the SM2 {kind} key is DER, but of no form that is known, or cut off") from None
    if found == kind:
        return key
    what = f"a {found} key" if found in {"private", "public"} else found
    raise ValueError(f"the SM2 {kind} key is {what}, in DER")


def _in_der(raw: bytes) -> tuple[str, bytes]:
    """What it is, and the key in it if it is one of SM2. Raises ValueError or IndexError for what is no such DER."""
    [(_, content)] = _der(raw)
    parts = _der(content)
    match [tag for tag, _ in parts]:
        case [0x30, 0x03]:
            algorithm, (_, bits) = _der(parts[0][1]), parts[1]
            return _of_curve(algorithm, "public", bits[1:])
        case [0x02, 0x30, 0x04, *_]:
            inner = _der(_der(parts[2][1])[0][1])
            return _of_curve(_der(parts[1][1]), "private", inner[1][1])
        case [0x02, 0x04, *_]:
            curve = [part for tag, content in parts if tag == _CURVE for part in _der(content)]
            return _of_curve([(_OID, b""), *(curve or [(_OID, _SM2)])], "private", parts[1][1])
        case [0x30, 0x04]:
            return "encrypted with a password", b""
        case [0x30, 0x30, 0x03]:
            return "a certificate, not the public key in it", b""
    raise ValueError("unknown")


def _of_curve(algorithm: _Der, kind: _Kind, key: bytes) -> tuple[str, bytes]:
    """`algorithm`: the OIDs of "elliptic curve" and of the curve."""
    if (_OID, _SM2) in algorithm[1:]:
        return kind, key
    return "of another algorithm or curve than SM2", b""


def _der(raw: bytes) -> _Der:
    """Tag and content of each value of one level. Raises ValueError or IndexError if it is cut off."""
    values = []
    while raw:
        tag, length, start = raw[0], raw[1], 2
        if length & _LONG_FORM:
            start += length & ~_LONG_FORM
            length = int.from_bytes(raw[2:start])
        if len(raw) < start + length:
            raise ValueError("cut off")
        values.append((tag, raw[start : start + length]))
        raw = raw[start + length :]
    return values
