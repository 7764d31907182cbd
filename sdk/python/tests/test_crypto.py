"""The two algorithms that the standard library lacks, as Python: against published vectors, and against the package `cryptography`."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from conftest import ROOT

from stint_sdk import _aes_gcm, _ed25519

# RFC 8032, section 7.1: seed, public key, text, signature.
RFC_8032 = {
    "TEST 1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "TEST 2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "TEST 3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "TEST SHA(abc)": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}


@pytest.mark.parametrize("vector", RFC_8032.values(), ids=RFC_8032)
def test_signatures_of_the_rfc(vector: tuple[str, ...]) -> None:
    seed, public_key, text, signature = map(bytes.fromhex, vector)
    assert _ed25519.public_key_slowly(seed) == public_key == _ed25519.public_key_of(seed)
    assert _ed25519.sign_slowly(seed, text) == signature == _ed25519.sign(seed, text)


def test_signatures_like_the_packages() -> None:
    draw = random.Random(8032)
    for size in (0, 1, 63, 64, 65, 200):
        seed, text = draw.randbytes(32), draw.randbytes(size)
        assert _ed25519.IS_FAST and _ed25519.sign_slowly(seed, text) == _ed25519.sign(seed, text)


def test_a_block_of_the_standard() -> None:
    """FIPS 197, appendix C.3."""
    block = _aes_gcm.Cipher(bytes(range(32))).encrypt(bytes.fromhex("00112233445566778899aabbccddeeff"))
    assert block.hex() == "8ea2b7ca516745bfeafc49904b496089"


# McGrew and Viega, The Galois/Counter Mode of Operation, test cases 13, 14 and 16: key, nonce, associated data, text, ciphertext ‖ tag.
GCM = [
    ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    ("00" * 32, "00" * 12, "", "00" * 16, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
    (
        "feffe9928665731c6d6a8f9467308308" * 2,
        "cafebabefacedbaddecaf888",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]


@pytest.mark.parametrize("opened", [_aes_gcm.open_sealed, _aes_gcm.open_slowly])
@pytest.mark.parametrize("vector", GCM)
def test_what_was_sealed_opens(vector: tuple[str, ...], opened: Any) -> None:
    key, nonce, address, text, sealed = map(bytes.fromhex, vector)
    assert opened(key, nonce, sealed, address) == text


def test_opening_like_the_package() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    draw = random.Random(38)
    for size in (0, 1, 15, 16, 17, 32, 100):
        key, nonce, text, address = draw.randbytes(32), draw.randbytes(12), draw.randbytes(size), draw.randbytes(size // 3)
        sealed = AESGCM(key).encrypt(nonce, text, address)
        assert _aes_gcm.open_slowly(key, nonce, sealed, address) == text
        at = draw.randrange(len(sealed))
        changed = sealed[:at] + bytes([sealed[at] ^ 1 << draw.randrange(8)]) + sealed[at + 1 :]
        for wrong in ((key, nonce, changed, address), (key, nonce, sealed, address + b"x"), (bytes(32), nonce, sealed, address)):
            assert _aes_gcm.open_slowly(*wrong) is None
            assert _aes_gcm.open_sealed(*wrong) is None
    assert _aes_gcm.open_slowly(bytes(32), bytes(12), bytes(15), b"") is None


WRAPPED = [one for one in json.loads((ROOT / "conformance/vectors/keys.json").read_text())["vectors"] if "wrapped_key" in one]


@pytest.mark.parametrize("opened", [_aes_gcm.open_sealed, _aes_gcm.open_slowly])
@pytest.mark.parametrize("vector", WRAPPED, ids=lambda one: str(one["name"]))
def test_wrapped_keys_of_the_vectors(vector: Any, opened: Any) -> None:
    from stint_sdk import wire

    address = wire.wrap_address(int(vector["agent"]), vector["key_epoch"], vector["generation"])
    wrapped = bytes.fromhex(vector["wrapped_key"])
    assert opened(bytes.fromhex(vector["wrap_key"]), wire.WRAP_NONCE, wrapped, address).hex() == vector["agent_key"]
