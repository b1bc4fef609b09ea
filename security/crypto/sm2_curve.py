"""The curve of GB/T 32918.5, only to find the public key of a private one: gmssl-pyx signs with both, derives neither.

Not constant in time: it runs once, when a key is loaded.
"""

PRIME = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_A = PRIME - 3
_GENERATOR = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
_Point = tuple[int, int]


def public_point(private_key: int) -> bytes:
    """X and Y of d times the generator, 32 bytes each. `private_key`: from 1 to the order - 2."""
    x, y = _times(private_key, _GENERATOR)
    return x.to_bytes(32) + y.to_bytes(32)


def _times(factor: int, point: _Point) -> _Point:
    """Double and add, from the highest bit."""
    product = point
    for bit in bin(factor)[3:]:
        product = _sum(product, product)
        if bit == "1":
            product = _sum(product, point)
    return product


def _sum(one: _Point, other: _Point) -> _Point:
    """Neither the point at infinity nor a pair of opposites comes up for a factor below the order."""
    (x1, y1), (x2, y2) = one, other
    rise, run = (3 * x1 * x1 + _A, 2 * y1) if one == other else (y2 - y1, x2 - x1)
    slope = rise * pow(run, -1, PRIME)
    x3 = (slope * slope - x1 - x2) % PRIME
    return x3, (slope * (x1 - x3) - y1) % PRIME
