"""The ciphers: SM4-GCM is the standard's own, whoever computes it."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from hypothesis import given
from hypothesis import strategies as st

from security.crypto.gcm import NONCE_BYTES, TAG_BYTES, SealBrokenError, SealCipher, new_key, seal_key

LENGTHS = st.binary(min_size=1, max_size=2_000)


@given(key=st.binary(min_size=16, max_size=16), data=LENGTHS, context=st.binary(max_size=100))
def test_another_implementation_opens_what_we_sealed(key: bytes, data: bytes, context: bytes) -> None:
    sealed = seal_key(key).seal(data, context)
    decryptor = Cipher(SM4(key), GCM(sealed[:NONCE_BYTES], sealed[-TAG_BYTES:])).decryptor()
    decryptor.authenticate_additional_data(context)
    assert decryptor.update(sealed[NONCE_BYTES:-TAG_BYTES]) + decryptor.finalize() == data


@given(key=st.binary(min_size=16, max_size=16), data=LENGTHS, context=st.binary(max_size=100))
def test_we_open_what_another_implementation_sealed(key: bytes, data: bytes, context: bytes) -> None:
    nonce = b"n" * NONCE_BYTES
    encryptor = Cipher(SM4(key), GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(context)
    sealed = nonce + encryptor.update(data) + encryptor.finalize() + encryptor.tag
    assert seal_key(key).unseal(sealed, context) == data


def test_the_standards_vector() -> None:
    """RFC 8998, appendix A.1."""
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    nonce = bytes.fromhex("00001234567800000000abcd")
    context = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plain = bytes.fromhex("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd") + bytes.fromhex(
        "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"
    )
    sealed = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    assert seal_key(key).unseal(nonce + sealed, context) == plain


@pytest.mark.parametrize("cipher", SealCipher)
class TestEachCipher:
    def test_a_changed_bit_is_noticed_wherever_it_is(self, cipher: SealCipher) -> None:
        key = seal_key(new_key(cipher))
        raw = key.seal(b"text", b"c")
        assert key.unseal(raw, b"c") == b"text"
        for place in range(len(raw)):
            with pytest.raises(SealBrokenError):
                key.unseal(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :], b"c")

    def test_it_does_not_open_elsewhere_or_cut(self, cipher: SealCipher) -> None:
        key = seal_key(new_key(cipher))
        raw = key.seal(b"text", b"c")
        with pytest.raises(SealBrokenError):
            key.unseal(raw, b"d")
        for length in range(len(raw)):
            with pytest.raises(SealBrokenError):
                key.unseal(raw[:length], b"c")

    def test_nothing_is_not_sealed(self, cipher: SealCipher) -> None:
        with pytest.raises(ValueError, match="nothing to seal"):
            seal_key(new_key(cipher)).seal(b"", b"c")

    def test_a_key_says_its_cipher(self, cipher: SealCipher) -> None:
        assert seal_key(new_key(cipher)).cipher is cipher


@pytest.mark.parametrize("length", [0, 15, 17, 24, 31, 33])
def test_other_lengths_are_no_keys(length: int) -> None:
    with pytest.raises(ValueError, match="must have 16 bytes"):
        seal_key(b"k" * length)
