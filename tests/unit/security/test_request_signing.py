"""The text that is signed, against a value that was made elsewhere."""

import hashlib
import hmac

import pytest

from security.keys.signing import NONCE, check_signing_secret, new_signing_secret, signature, signed_headers

SECRET = "0123456789abcdef0123456789abcdef"


def test_is_hmac_sha256_over_five_lines() -> None:
    """The digest of the empty body is SHA-256's own, known everywhere."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    text = f"GET\n/api/v1/payments?state=PAID\n1767225600\nnonce-0123456789\n{empty}"
    made = signature(
        SECRET, "get", "/api/v1/payments?state=PAID", b"", timestamp="1767225600", nonce="nonce-0123456789"
    )
    assert made == hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_headers_are_new_each_time() -> None:
    one, two = (signed_headers(SECRET, "POST", "/", b"{}") for _ in range(2))
    assert one.keys() == {"X-Timestamp", "X-Nonce", "X-Signature"}
    assert one["X-Nonce"] != two["X-Nonce"]
    assert NONCE.fullmatch(one["X-Nonce"])


def test_a_secret_is_long() -> None:
    check_signing_secret(new_signing_secret())
    with pytest.raises(ValueError, match="32 characters"):
        check_signing_secret("short")
