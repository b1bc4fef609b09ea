"""SM2 keys in every form in which hospitals and centres hand them over. The pair is OpenSSL's."""

import base64

import pytest

from security.crypto import sm
from security.crypto.sm_keys import ORDER, private_key_bytes, private_key_text, public_key_bytes, public_key_text

PRIVATE = bytes.fromhex("74682995865218 9cf3d8fe3f9a829e14d2b2fe25197d2672f6d3e870ced18ab5")
POINT = bytes.fromhex(
    "9755ce5e8acec52ed93c78997d67a0c8a68cf9728bde54184befca437106bfdb"
    "61deda440d735322f073f106cbbd856a5b5d0c32af813ed690ffd8fab9d331fb"
)
SHORT = bytes(1) + PRIVATE[1:]
"""A key with a leading zero byte, of which there is one in 256."""

PKCS8 = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgdGgplYZSGJzz2P4/
moKeFNKy/iUZfSZy9tPocM7RirWhRANCAASXVc5eis7FLtk8eJl9Z6DIpoz5cove
VBhL78pDcQa/22He2kQNc1Mi8HPxBsu9hWpbXQwyr4E+1pD/2Pq50zH7
-----END PRIVATE KEY-----
"""
SEC1 = (
    "MHcCAQEEIHRoKZWGUhic89j+P5qCnhTSsv4lGX0mcvbT6HDO0Yq1oAoGCCqBHM9VAYItoUQDQgAEl1XOXorOxS7ZPHiZfWegyKaM+XKL3lQYS+/K"
    "Q3EGv9th3tpEDXNTIvBz8QbLvYVqW10MMq+BPtaQ/9j6udMx+w=="
)
PARAMETERS = "-----BEGIN SM2 PARAMETERS-----\nBggqgRzPVQGCLQ==\n-----END SM2 PARAMETERS-----\n"
SPKI_PEM = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEl1XOXorOxS7ZPHiZfWegyKaM+XKL
3lQYS+/KQ3EGv9th3tpEDXNTIvBz8QbLvYVqW10MMq+BPtaQ/9j6udMx+w==
-----END PUBLIC KEY-----
"""
ENCRYPTED = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjKI4XiKwZpYgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEJtLZVuGqZgasBodbGV406MEgZAD
xGpovBVZWDhO1OWupKqLIsoK8K6MySnr+DBY7wgisra1YhunKa6F6+4Fs0nHELiy
KQAwLo76IyvtP7IcDQYooY6OchmPfhLAFPcSYkEvY/UZB50q8AYxbk724J3L44eN
jZY1hpxligGuU4QK3q27sV/Kxz8IHEPuEo18Armp8GydW9tzBkvI21KtL80Wuco=
-----END ENCRYPTED PRIVATE KEY-----
"""
P256 = (
    "MHcCAQEEIPXPPZlDGGaAqhyTPFF+YJOOONQ75aqQEWd7RwAZWXNIoAoGCCqGSM49AwEHoUQDQgAE89PWlhFYjudl/29v7utwrGGtWOmKxqNZSPor"
    "+kUvZ4BlHHfr34T3hz7zmwvE2BA7FVxdoLn/X9t59wGE8eLT+g=="
)
CERTIFICATE = (
    "MIIBbDCCAROgAwIBAgIUcGZPmptEvKJsrMuRXG603Lwo/dAwCgYIKoEcz1UBg3UwDDEKMAgGA1UEAwwBdDAeFw0yNjExMjgxNDE0MjZaFw0yNjEy"
    "MjgxNDE0MjZaMAwxCjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqgRzPVQGCLQNCAASXVc5eis7FLtk8eJl9Z6DIpoz5coveVBhL78pDcQa/22He"
    "2kQNc1Mi8HPxBsu9hWpbXQwyr4E+1pD/2Pq50zH7o1MwUTAdBgNVHQ4EFgQUq9db2v9/VK//jPYi4PUpaRyZjRwwHwYDVR0jBBgwFoAUq9db2v9/"
    "VK//jPYi4PUpaRyZjRwwDwYDVR0TAQH/BAUwAwEB/zAKBggqgRzPVQGDdQNHADBEAiA7PMmQ01PlQaaTas+0/aWL5xeWIkd0Kx+00yhPSe02XwIg"
    "N6xitrWQ1ifFQ+7fVy9KaWT2Mexi7z3B4+v3Npl2egA="
)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def b64_of_pem(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def folded(text: str, width: int, end: str) -> str:
    return "".join(text[at : at + width] + end for at in range(0, len(text), width))


class TestPrivate:
    @pytest.mark.parametrize(
        "written",
        [
            b64(PRIVATE),
            b64(b"\0" + PRIVATE),
            folded(b64(PRIVATE), 20, "\r\n"),
            "\ufeff" + b64(PRIVATE) + "\r\n",
            PRIVATE.hex(),
            PRIVATE.hex().upper(),
            "00" + PRIVATE.hex(),
            "0x" + PRIVATE.hex(),
            PRIVATE.hex(":"),
            PRIVATE.hex(" ", 4),
            PKCS8,
            PKCS8.replace("\n", "\r\n"),
            PKCS8.replace("\n", " "),
            PARAMETERS + PKCS8,
            b64_of_pem(PKCS8),
            folded(b64_of_pem(PKCS8), 76, "\r\n"),
            SEC1,
            f"-----BEGIN SM2 PRIVATE KEY-----\n{folded(SEC1, 64, chr(10))}-----END SM2 PRIVATE KEY-----",
        ],
    )
    def test_is_the_same_number_in_every_form(self, written: str) -> None:
        assert private_key_bytes(written) == PRIVATE
        assert private_key_text(written) == b64(PRIVATE)
        assert sm.public_key_of(written) == b64(b"\4" + POINT)

    @pytest.mark.parametrize(
        "written",
        [b64(SHORT), b64(SHORT[1:]), b64(b"\0" + SHORT), SHORT.hex(), SHORT.hex()[2:], SHORT.hex().lstrip("0")],
    )
    def test_gets_back_the_leading_zeros_that_java_drops(self, written: str) -> None:
        assert private_key_bytes(written) == SHORT

    def test_a_hex_digit_that_java_drops(self) -> None:
        key = b"\x01" + PRIVATE[1:]
        assert private_key_bytes(key.hex()[1:]) == key

    async def test_a_padded_key_signs_what_its_public_key_verifies(self) -> None:
        signer = sm.GmsslSigner(b64(SHORT[1:]), "u")
        verifier = sm.GmsslVerifier(sm.public_key_of(b64(SHORT)), "u")
        assert await verifier.verify(b"text", await signer.sign(b"text"))

    @pytest.mark.parametrize(
        ("written", "reason"),
        [
            (b64(bytes(32)), "range"),
            (b64(bytes(31)), "range"),
            ("0" * 64, "range"),
            (b64(ORDER.to_bytes(32)), "range"),
            (b64((ORDER + 5).to_bytes(32)), "range"),
            (b64(b"\xff" * 32), "range"),
            (b64(PRIVATE)[:-1], "missing at its end"),
            (b64(b"\xfb" * 32).replace("+", "-").replace("/", "_"), "URL-safe"),
            (b64(PRIVATE[:30]), "not of 30"),
            (b64(b"\1" + PRIVATE), "not of 33"),
            (PRIVATE.hex()[:60], "not of 45"),
            (b64(POINT), "not of 64, a public key's length"),
            (b64(b"\4" + POINT), "not of 65, a public key's length"),
            (SPKI_PEM, "is a public key"),
            (P256, "of another algorithm or curve"),
            (ENCRYPTED, "encrypted with a password"),
            (CERTIFICATE, "a certificate"),
            (b64(base64.b64decode(SEC1)[:-8]), "cut off"),
            (b64(b"\x30" * 100), "no form that is known"),
            (b64(b"\x30\x84\xff\xff\xff\xff" + bytes(60)), "cut off"),
            ("-----BEGIN PRIVATE KEY-----", "not base64"),
        ],
    )
    def test_anything_else_is_refused_in_words(self, written: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason) as caught:
            private_key_bytes(written)
        assert written not in str(caught.value)


class TestPublic:
    @pytest.mark.parametrize(
        "written",
        [
            b64(POINT),
            b64(b"\4" + POINT),
            folded(b64(b"\4" + POINT), 76, "\r\n"),
            POINT.hex(),
            "04" + POINT.hex().upper(),
            (b"\4" + POINT).hex(":"),
            SPKI_PEM,
            b64_of_pem(SPKI_PEM),
        ],
    )
    def test_is_the_same_point_in_every_form(self, written: str) -> None:
        assert public_key_bytes(written) == POINT
        assert public_key_text(written) == b64(b"\4" + POINT)

    @pytest.mark.parametrize(
        ("written", "reason"),
        [
            (b64(b"\2" + POINT[:32]), "compressed"),
            (b64(b"\3" + POINT[:32]), "compressed"),
            ("02" + POINT[:32].hex(), "compressed"),
            (b64(bytes(64)), "not a point"),
            (b64(b"\4" + bytes(64)), "not a point"),
            (b64(b"\xff" * 64), "not a point"),
            (b64(POINT[32:] + POINT[:32]), "not a point"),
            (b64(b"\5" + POINT), "not of 65"),
            (b64(PRIVATE), "not of 32, a private key's length"),
            (PKCS8, "is a private key"),
            (CERTIFICATE, "a certificate"),
            (b64(POINT).rstrip("="), "missing at its end"),
        ],
    )
    def test_anything_else_is_refused_in_words(self, written: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            public_key_bytes(written)
