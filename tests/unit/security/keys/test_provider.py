from pathlib import Path

import pytest

from security.crypto.keyring import Keyring, KeyringError
from security.crypto.sm import GmsslVerifier, generate_key_pair
from security.keys.provider import LocalKeys

USER_ID = "1234567812345678"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    Keyring.generate().save(tmp_path / "keyring.json")
    text = (tmp_path / "keyring.json").read_text(encoding="ascii")
    sealed = LocalKeys(tmp_path / "keyring.json").keyring().seal("text", "c")
    assert LocalKeys(tmp_path / "nowhere.json", text).keyring().open(sealed, "c") == "text"


def test_a_broken_one_is_told_by_the_variable_without_its_text(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match=r"^MEDPAY_KEYRING: broken keyring: not JSON$"):
        LocalKeys(tmp_path, "KEY-MARKER").keyring()


def test_a_keyring_for_practice_is_refused_where_it_must_not_be_used(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    practice = Keyring.generate_for_practice()
    practice.save(path)
    assert LocalKeys(path).keyring().for_practice
    with pytest.raises(KeyringError, match="is a keyring for practice"):
        LocalKeys(path, practice=False).keyring()
    practice.rotated(practice.cipher).replace(path)
    with pytest.raises(KeyringError, match="is a keyring for practice"):
        LocalKeys(path, practice=False).keyring()
    path.unlink()
    Keyring.generate().save(path)
    assert not LocalKeys(path, practice=False).keyring().for_practice


async def test_it_signs_with_the_hospitals_own_key(tmp_path: Path) -> None:
    pair = generate_key_pair()
    signature = await LocalKeys(tmp_path).signer(pair.private_key_b64, USER_ID).sign(b"message")
    assert await GmsslVerifier(pair.public_key_b64, USER_ID).verify(b"message", signature)


def test_a_hardware_key_without_a_module_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no hardware module is connected"):
        LocalKeys(tmp_path).signer("hsm:slot-1", USER_ID)
