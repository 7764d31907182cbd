"""AES-256-GCM (FIPS 197, NIST SP 800-38D), as far as opening a wrapped key needs it: with the package `cryptography` where it is installed,
else in a page of Python.

The page is not constant in time. It opens one key of 32 bytes, on the machine that the key is for, when an agent joins or gets a newer key.
"""

from __future__ import annotations

import hmac

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    IS_FAST = False
else:
    IS_FAST = True

ROUNDS = 14
BLOCK = 16
NONCE_SIZE, TAG_SIZE = 12, 16
REDUCE = 0xE1 << 120


def open_sealed(key: bytes, nonce: bytes, sealed: bytes, address: bytes) -> bytes | None:
    """What was sealed, ciphertext ‖ tag; None: not with this key, nonce and associated data."""
    if not IS_FAST:
        return open_slowly(key, nonce, sealed, address)
    try:
        return AESGCM(key).decrypt(nonce, sealed, address)
    except InvalidTag:
        return None


def open_slowly(key: bytes, nonce: bytes, sealed: bytes, address: bytes) -> bytes | None:
    if len(sealed) < TAG_SIZE:
        return None
    cipher = Cipher(key)
    text, tag = sealed[:-TAG_SIZE], sealed[-TAG_SIZE:]
    hash_key = int.from_bytes(cipher.encrypt(bytes(BLOCK)), "big")
    lengths = (8 * len(address)).to_bytes(8, "big") + (8 * len(text)).to_bytes(8, "big")
    hashed = ghash(hash_key, padded(address) + padded(text) + lengths)
    expected = xor(hashed, cipher.encrypt(nonce + (1).to_bytes(4, "big")))
    if not hmac.compare_digest(expected, tag):
        return None
    blocks = range(-(-len(text) // BLOCK))
    stream = b"".join(cipher.encrypt(nonce + (2 + number).to_bytes(4, "big")) for number in blocks)
    return xor(text, stream[: len(text)])


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(a, b, strict=True))


def ghash(key: int, data: bytes) -> bytes:
    state = 0
    for at in range(0, len(data), BLOCK):
        state = multiply(state ^ int.from_bytes(data[at : at + BLOCK], "big"), key)
    return state.to_bytes(BLOCK, "big")


def multiply(a: int, b: int) -> int:
    """In GF(2¹²⁸), whose bits GCM writes the other way round."""
    product = 0
    for bit in range(127, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (REDUCE if b & 1 else 0)
    return product


def double(byte: int) -> int:
    return (byte << 1 ^ (0x11B if byte & 0x80 else 0)) & 0xFF


def make_boxes() -> bytes:
    """SubBytes: the inverse in GF(2⁸), then an affine map. 3 generates all but zero, so 3ⁿ and 3⁻ⁿ are inverse."""
    powers = [1]
    while len(powers) < 255:
        powers.append(powers[-1] ^ double(powers[-1]))
    box = bytearray([0x63]) * 256
    for number, byte in enumerate(powers):
        inverse = powers[-number % 255]
        spread = inverse | inverse << 8
        box[byte] = (spread ^ spread >> 7 ^ spread >> 6 ^ spread >> 5 ^ spread >> 4) & 0xFF ^ 0x63
    return bytes(box)


BOX = make_boxes()
SHIFTED = [(4 * (column + row) + row) % BLOCK for column in range(4) for row in range(4)]  # ShiftRows


class Cipher:
    """AES-256, one way."""

    def __init__(self, key: bytes) -> None:
        words = [key[at : at + 4] for at in range(0, 32, 4)]
        constant = 1
        for number in range(8, 4 * (ROUNDS + 1)):
            word = words[-1]
            if number % 8 == 0:
                word = word[1:] + word[:1]
            if number % 4 == 0:
                word = word.translate(BOX)
            if number % 8 == 0:
                word = xor(word, bytes((constant, 0, 0, 0)))
                constant = double(constant)
            words.append(xor(words[-8], word))
        self._keys = [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]

    def encrypt(self, block: bytes) -> bytes:
        state = xor(block, self._keys[0])
        for number in range(1, ROUNDS + 1):
            state = state.translate(BOX)
            state = bytes(state[at] for at in SHIFTED)
            if number < ROUNDS:
                state = b"".join(mix(state[at : at + 4]) for at in range(0, BLOCK, 4))
            state = xor(state, self._keys[number])
        return state


def mix(column: bytes) -> bytes:
    whole = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(column[at] ^ whole ^ double(column[at] ^ column[(at + 1) % 4]) for at in range(4))
