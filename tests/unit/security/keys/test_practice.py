import base64
import secrets

import pytest

from security.keys.practice import is_for_practice, is_practice_text, practice_bytes, practice_text


def test_a_practice_key_is_recognised_in_any_writing() -> None:
    key = practice_bytes()
    assert is_for_practice(key)
    for encoded in (base64.b64encode(key), base64.urlsafe_b64encode(key), base64.b64encode(key).rstrip(b"=")):
        assert is_practice_text(f" {encoded.decode()}\n")
    assert is_practice_text(practice_text())


def test_no_two_are_alike() -> None:
    assert len({practice_text() for _ in range(100)}) == 100


def test_a_real_key_is_not_taken_for_one() -> None:
    assert not any(is_for_practice(secrets.token_bytes(32)) for _ in range(1000))


@pytest.mark.parametrize("text", ["", "test-key", "长", "a" * 43, "=" * 44, "AAAA", "x" * 4096])
def test_other_texts_are_none(text: str) -> None:
    assert not is_practice_text(text)


def test_a_changed_one_is_none() -> None:
    key = practice_bytes()
    assert not is_for_practice(key[:-1] + bytes([key[-1] ^ 1]))
