"""SM2 signatures (GB/T 32918) and the SM4 cipher (GB/T 32907) for the insurance centre's envelope.

SM2 comes from gmssl-pyx, since the OpenSSL inside `cryptography` is built without the curve. For a faster backend add
another `Signer` and `Verifier`.
"""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import gmssl_pyx
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from security.crypto.sm_keys import ORDER, UNCOMPRESSED, private_key_bytes, public_key_bytes

SIGNATURE_BYTES = 64
_HALF = SIGNATURE_BYTES // 2
_SM4_BLOCK_BITS = 128

# The curve recommended by GB/T 32918.5.
PRIME = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = PRIME - 3

_GENERATOR = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

_Point = tuple[int, int]

# One thread each for signing and verifying. A signature takes 4 ms and holds the interpreter's lock, so more threads
# would not be faster (measured); and the default pool, which resolves host names, must not wait behind it.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sm2")


class Signer(Protocol):
    async def sign(self, message: bytes) -> bytes:
        """SM3withSM2: 64 bytes, r followed by s, not DER."""


class Verifier(Protocol):
    async def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (64 bytes, r followed by s) verifies for `message`. False for any other form."""


@dataclass(frozen=True)
class KeyPair:
    """Base64 of the private key d (32 bytes), and of the public key 04, X, Y (65 bytes)."""

    private_key_b64: str = field(repr=False)
    public_key_b64: str


class GmsslSigner:
    """Signs with one private key. Raises ValueError for an invalid key."""

    def __init__(self, private_key_b64: str, user_id: str) -> None:
        self._private_key = private_key_bytes(private_key_b64)
        self._public_key = public_point(int.from_bytes(self._private_key))
        self._user_id = user_id.encode()

    async def sign(self, message: bytes) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, self._sign, message)

    def _sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(gmssl_pyx.sm2_sign(self._private_key, self._public_key, message, self._user_id))
        return r.to_bytes(_HALF) + s.to_bytes(_HALF)


class GmsslVerifier:
    """Verifies with one public key. Raises ValueError for an invalid key."""

    def __init__(self, public_key_b64: str, user_id: str) -> None:
        self._public_key = public_key_bytes(public_key_b64)
        self._user_id = user_id.encode()

    async def verify(self, message: bytes, signature: bytes) -> bool:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, self._verify, message, signature)

    def _verify(self, message: bytes, signature: bytes) -> bool:
        if len(signature) != SIGNATURE_BYTES:
            return False
        r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
        # GmSSL treats values out of range as an internal error and prints it, so they are caught here.
        if not (0 < r < ORDER and 0 < s < ORDER):
            return False
        return bool(gmssl_pyx.sm2_verify(self._public_key, message, encode_dss_signature(r, s), self._user_id))


def public_key_of(private_key_b64: str) -> str:
    """The public key of a private key, as base64 of 65 bytes. Raises ValueError."""
    point = public_point(int.from_bytes(private_key_bytes(private_key_b64)))
    return base64.b64encode(UNCOMPRESSED + point).decode()


def generate_key_pair() -> KeyPair:
    public, private = gmssl_pyx.sm2_key_generate()
    return KeyPair(base64.b64encode(private).decode(), base64.b64encode(UNCOMPRESSED + public).decode())


def sm4_ecb_encrypt(key: bytes, plain: bytes) -> bytes:
    """SM4-ECB with PKCS#7 padding; `key` has 16 bytes. ECB is prescribed by the centre (protocol 3.1)."""
    padder = PKCS7(_SM4_BLOCK_BITS).padder()
    encryptor = _sm4_ecb(key).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def sm4_ecb_decrypt(key: bytes, sealed: bytes) -> bytes:
    """Raises ValueError if the length or the padding is wrong."""
    decryptor, unpadder = _sm4_ecb(key).decryptor(), PKCS7(_SM4_BLOCK_BITS).unpadder()
    padded = decryptor.update(sealed) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def _sm4_ecb(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305 - the envelope's own mode


def public_point(private_key: int) -> bytes:
    """The public key: X and Y, 32 bytes each, of d times the generator. `private_key`: d, from 1 to the order - 2.

    gmssl-pyx needs both keys to sign but derives neither. Not constant-time: it runs once, when a key is loaded.
    """
    x, y = _times(private_key, _GENERATOR)
    return x.to_bytes(32) + y.to_bytes(32)


def _times(factor: int, point: _Point) -> _Point:
    """Double-and-add, from the highest bit."""
    product = point
    for bit in bin(factor)[3:]:
        product = _sum(product, product)
        if bit == "1":
            product = _sum(product, point)
    return product


def _sum(one: _Point, other: _Point) -> _Point:
    """Point addition. For factors below the order neither infinity nor a pair of opposite points occurs."""
    (x1, y1), (x2, y2) = one, other
    rise, run = (3 * x1 * x1 + _A, 2 * y1) if one == other else (y2 - y1, x2 - x1)
    slope = rise * pow(run, -1, PRIME)
    x3 = (slope * slope - x1 - x2) % PRIME
    return x3, (slope * (x1 - x3) - y1) % PRIME
