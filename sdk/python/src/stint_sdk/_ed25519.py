"""Ed25519 signatures (RFC 8032): with the package `cryptography` where it is installed, else in a page of Python.

The page is not constant in time. It signs a proof once, on the machine whose own key it is, while an agent joins.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:
    IS_FAST = False
else:
    IS_FAST = True

SEED_SIZE, PUBLIC_KEY_SIZE, SIGNATURE_SIZE = 32, 32, 64
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

Point: TypeAlias = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, x·y = T/Z
NEUTRAL: Point = (0, 1, 1, 0)
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def public_key_of(seed: bytes) -> bytes:
    if not IS_FAST:
        return public_key_slowly(seed)
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def sign(seed: bytes, text: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(text) if IS_FAST else sign_slowly(seed, text)


def public_key_slowly(seed: bytes) -> bytes:
    scalar, _ = expand(seed)
    return pack(multiply(scalar, BASE))


def sign_slowly(seed: bytes, text: bytes) -> bytes:
    scalar, prefix = expand(seed)
    public_key = pack(multiply(scalar, BASE))
    nonce = digest(prefix + text)
    commitment = pack(multiply(nonce, BASE))
    challenge = digest(commitment + public_key + text)
    return commitment + ((nonce + challenge * scalar) % ORDER).to_bytes(32, "little")


def expand(seed: bytes) -> tuple[int, bytes]:
    hashed = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(hashed[:32], "little")
    return scalar & (1 << 254) - 8 | 1 << 254, hashed[32:]


def digest(data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % ORDER


def add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    found = NEUTRAL
    while scalar:
        if scalar & 1:
            found = add(found, point)
        point = add(point, point)
        scalar >>= 1
    return found


def pack(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")
