"""What is signed with a shared secret: a caller's request, against a value that was made elsewhere, and a webhook."""

import base64
import hashlib
import hmac

import pytest
from standardwebhooks import Webhook

from security.keys.signing import (
    NONCE,
    check_signing_secret,
    check_webhook_secret,
    new_signing_secret,
    new_webhook_secret,
    signature,
    signed_headers,
)
from tests.support.values.records import AT

SECRET = "0123456789abcdef0123456789abcdef"


def whsec(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


class TestRequests:
    def test_is_hmac_sha256_over_five_lines(self) -> None:
        """The digest of the empty body is SHA-256's own, known everywhere."""
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        text = f"GET\n/api/v1/payments?state=PAID\n1767225600\nnonce-0123456789\n{empty}"
        made = signature(
            SECRET, "get", "/api/v1/payments?state=PAID", b"", timestamp="1767225600", nonce="nonce-0123456789"
        )
        assert made == hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()

    def test_headers_are_new_each_time(self) -> None:
        one, two = (signed_headers(SECRET, "POST", "/", b"{}") for _ in range(2))
        assert one.keys() == {"X-Timestamp", "X-Nonce", "X-Signature"}
        assert one["X-Nonce"] != two["X-Nonce"]
        assert NONCE.fullmatch(one["X-Nonce"])

    def test_a_secret_is_long(self) -> None:
        check_signing_secret(new_signing_secret())
        with pytest.raises(ValueError, match="32 characters"):
            check_signing_secret("short")


class TestWebhooks:
    @pytest.mark.parametrize("secret", [whsec(24), whsec(32), whsec(64), whsec(25).rstrip("=")])
    def test_right(self, secret: str) -> None:
        check_webhook_secret(secret)
        assert Webhook(secret).sign("id", AT, "{}").startswith("v1,")

    @pytest.mark.parametrize(
        "secret",
        [whsec(23), whsec(65), whsec(32).removeprefix("whsec_"), "whsec_", "whsec_钥匙", whsec(32)[:-2] + "!="],
    )
    def test_wrong(self, secret: str) -> None:
        with pytest.raises(ValueError, match=r"^must be whsec_ and base64 of 24 to 64 bytes$"):
            check_webhook_secret(secret)

    def test_each_new_one_is_another(self) -> None:
        first, second = new_webhook_secret(), new_webhook_secret()
        check_webhook_secret(first)
        assert first != second
