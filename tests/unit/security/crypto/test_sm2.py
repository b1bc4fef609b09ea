"""SM2 as GB/T 32918 has it: known values, another implementation, and keys in every form that was seen."""

import base64

import pytest
from gmssl import sm2 as pure_python_sm2
from gmssl import sm3 as pure_python_sm3

from security.crypto import sm, sm_keys
from security.crypto.sm import public_point
from security.crypto.sm_keys import ORDER

USER_ID = "1234567812345678"
MESSAGE = "高平市人民医院-SM2交叉验证消息-0123456789".encode()
PRIVATE_KEY = bytes.fromhex("211fee8c3c5fee2fad3dc926fc9403366d2def02cdd0bb5bd683ca015d99db7f")
PUBLIC_KEY = bytes.fromhex(
    "0417cc16abaebedc7f87b2e0a508c0cb93631761db7fa19adece712c6aade1d673"
    "e389b5e902df7a2e6fe3917b0f55747e00d74e36e939ecc3e7967b7058a91858"
)
SIGNATURE = bytes.fromhex(
    "c26647c279a6180bf418dd06c2d081632b709139c9b1fa883aba35ddec3128ce"
    "2ff4c93011cf4ded0ba3784c4699369edb8cee986271f70d35c1cdffc7b5fb4d"
)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def other_implementation() -> pure_python_sm2.CryptSM2:
    return pure_python_sm2.CryptSM2(private_key=PRIVATE_KEY.hex(), public_key=PUBLIC_KEY[1:].hex())


class TestSignatures:
    async def test_the_published_signature_verifies(self) -> None:
        verifier = sm.GmsslVerifier(b64(PUBLIC_KEY), USER_ID)
        assert await verifier.verify(MESSAGE, SIGNATURE)
        assert not await verifier.verify(MESSAGE + b"!", SIGNATURE)

    async def test_another_implementation_verifies_ours(self) -> None:
        signature = await sm.GmsslSigner(b64(PRIVATE_KEY), USER_ID).sign(MESSAGE)
        assert len(signature) == 64
        assert other_implementation().verify_with_sm3(signature.hex(), MESSAGE)

    async def test_another_implementations_signature_verifies(self) -> None:
        signature = bytes.fromhex(other_implementation().sign_with_sm3(MESSAGE))
        assert await sm.GmsslVerifier(b64(PUBLIC_KEY), USER_ID).verify(MESSAGE, signature)

    async def test_the_user_id_is_part_of_what_is_signed(self) -> None:
        signature = await sm.GmsslSigner(b64(PRIVATE_KEY), "another id").sign(MESSAGE)
        assert await sm.GmsslVerifier(b64(PUBLIC_KEY), "another id").verify(MESSAGE, signature)
        assert not await sm.GmsslVerifier(b64(PUBLIC_KEY), USER_ID).verify(MESSAGE, signature)

    @pytest.mark.parametrize(
        "signature",
        [b"", SIGNATURE[:63], SIGNATURE + b"\0", bytes(64), b"\xff" * 64, ORDER.to_bytes(32) + SIGNATURE[32:]],
        ids=["empty", "short", "long", "zeros", "too great", "r is the order"],
    )
    async def test_a_signature_of_another_form_is_no_signature(self, signature: bytes) -> None:
        assert not await sm.GmsslVerifier(b64(PUBLIC_KEY), USER_ID).verify(MESSAGE, signature)

    async def test_r_and_s_keep_32_bytes_each_when_one_starts_with_zero(self) -> None:
        """Every 128th signature has a leading zero byte somewhere: they are padded, not shortened."""
        signer = sm.GmsslSigner(b64(PRIVATE_KEY), USER_ID)
        verifier = sm.GmsslVerifier(b64(PUBLIC_KEY), USER_ID)
        for attempt in range(4000):
            signature = await signer.sign(attempt.to_bytes(4))
            if 0 in (signature[0], signature[32]):
                break
        else:
            pytest.fail("no signature with a leading zero came up")
        assert len(signature) == 64
        assert await verifier.verify(attempt.to_bytes(4), signature)


class TestKeys:
    def test_the_public_key_follows_from_the_private_one(self) -> None:
        assert sm.public_key_of(b64(PRIVATE_KEY)) == b64(PUBLIC_KEY)
        assert public_point(1)[:4].hex() == "32c4ae2c"

    async def test_a_new_pair_fits_together(self) -> None:
        pair = sm.generate_key_pair()
        signature = await sm.GmsslSigner(pair.private_key_b64, USER_ID).sign(MESSAGE)
        assert sm.public_key_of(pair.private_key_b64) == pair.public_key_b64
        assert await sm.GmsslVerifier(pair.public_key_b64, USER_ID).verify(MESSAGE, signature)
        assert pair.private_key_b64 not in repr(pair)

    @pytest.mark.parametrize("key", [PRIVATE_KEY, b"\0" + PRIVATE_KEY], ids=["32 bytes", "33 with a leading 00"])
    def test_private_keys_in_every_form_seen(self, key: bytes) -> None:
        assert sm_keys.private_key_bytes(f" {b64(key)}\n") == PRIVATE_KEY

    @pytest.mark.parametrize("key", [PUBLIC_KEY, PUBLIC_KEY[1:]], ids=["65 bytes", "64 bytes"])
    def test_public_keys_in_every_form_seen(self, key: bytes) -> None:
        assert sm_keys.public_key_bytes(b64(key)) == PUBLIC_KEY[1:]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "32 bytes"),
            ("not base64!", "not base64"),
            ("密钥", "not base64"),
            (b64(PRIVATE_KEY[:30]), "32 bytes"),
            (b64(b"\1" + PRIVATE_KEY), "32 bytes"),
            (b64(bytes(32)), "range"),
            (b64(ORDER.to_bytes(32)), "range"),
            (b64((ORDER - 1).to_bytes(32)), "range"),
        ],
    )
    def test_anything_else_is_no_private_key(self, text: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason) as caught:
            sm.GmsslSigner(text, USER_ID)
        assert not text or text not in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "64 bytes"),
            ("*", "not base64"),
            (b64(PUBLIC_KEY[:64]), "not a point"),
            (b64(PUBLIC_KEY[:33]), "64 bytes"),
            (b64(b"\5" + PUBLIC_KEY[1:]), "64 bytes"),
            (b64(bytes(64)), "not a point"),
        ],
    )
    def test_anything_else_is_no_public_key(self, text: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            sm.GmsslVerifier(text, USER_ID)


class TestSm4:
    def test_the_standards_own_block(self) -> None:
        """GB/T 32907 example 1; the second block is PKCS#7's."""
        key = bytes.fromhex("0123456789abcdeffedcba9876543210")
        assert sm.sm4_ecb_encrypt(key, key)[:16].hex() == "681edf34d206965e86b3e94f536e4246"
        assert sm.sm4_ecb_decrypt(key, sm.sm4_ecb_encrypt(key, key)) == key

    @pytest.mark.parametrize("sealed", [b"", b"x", bytes(15), bytes(16), bytes(17)])
    def test_what_was_not_sealed_is_a_value_error(self, sealed: bytes) -> None:
        with pytest.raises(ValueError, match=r"padding|length"):
            sm.sm4_ecb_decrypt(bytes(16), sealed)


def test_sm3_of_the_cross_check_is_the_standards() -> None:
    """GB/T 32905 example 1: the implementation that we compare with hashes as the standard does."""
    digest = pure_python_sm3.sm3_hash(list(b"abc"))
    assert digest == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
