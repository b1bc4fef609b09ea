import base64
import json
import stat
from pathlib import Path

import pytest

from security.crypto.gcm import SealCipher
from security.crypto.keyring import Keyring, KeyringError, SealBrokenError

KEY = base64.b64encode(b"0123456789abcdef").decode()
DIGEST_KEY = base64.b64encode(b"d" * 32).decode()
GOOD = {"active": "k1", "keys": {"k1": KEY}, "digest_key": DIGEST_KEY}


def written(folder: Path, content: str, mode: int = 0o600) -> Path:
    path = folder / "keyring.json"
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    return path


class TestSeal:
    def test_what_is_sealed_opens_in_its_context(self) -> None:
        keyring = Keyring.generate()
        sealed = keyring.seal("张三 110101199003070134", "main/1/id_no")
        assert sealed.startswith("k1:")
        assert "张三" not in sealed
        assert keyring.open(sealed, "main/1/id_no") == "张三 110101199003070134"

    def test_the_same_text_is_sealed_differently_each_time(self) -> None:
        keyring = Keyring.generate()
        assert len({keyring.seal("text", "context") for _ in range(50)}) == 50

    @pytest.mark.parametrize("text", ["x", "长" * 5000])
    def test_texts_of_any_length(self, text: str) -> None:
        keyring = Keyring.generate()
        assert keyring.open(keyring.seal(text, "c"), "c") == text

    def test_it_does_not_open_elsewhere(self) -> None:
        keyring = Keyring.generate()
        with pytest.raises(SealBrokenError):
            keyring.open(keyring.seal("text", "main/1/id_no"), "main/2/id_no")

    def test_a_changed_bit_is_noticed_wherever_it_is(self) -> None:
        keyring = Keyring.generate()
        raw = keyring.seal_bytes(b"text", b"c")
        for place in range(len(raw)):
            changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
            with pytest.raises(SealBrokenError):
                keyring.open_bytes("k1", changed, b"c")

    @pytest.mark.parametrize("sealed", ["", "k1", "k1:", "k1:AAAA", "k1:not base64!", "k9:" + "A" * 64, "k1:长"])
    def test_what_is_no_sealed_text_is_refused(self, sealed: str) -> None:
        with pytest.raises(SealBrokenError):
            Keyring.generate().open(sealed, "c")

    def test_an_old_key_still_opens_after_a_new_one_became_active(self) -> None:
        old = Keyring("k1", {"k1": b"1" * 16}, b"d" * 32)
        new = Keyring("k2", {"k1": b"1" * 16, "k2": b"2" * 16}, b"d" * 32)
        assert new.open(old.seal("text", "c"), "c") == "text"
        assert new.seal("text", "c").startswith("k2:")
        with pytest.raises(SealBrokenError, match="not in the keyring"):
            old.open(new.seal("text", "c"), "c")


class TestDigest:
    def test_it_outlives_a_rotation_and_differs_by_text_and_keyring(self) -> None:
        old = Keyring("k1", {"k1": b"1" * 16}, b"d" * 32)
        new = Keyring("k2", {"k1": b"1" * 16, "k2": b"2" * 16}, b"d" * 32)
        assert old.digest("110101199003070134") == new.digest("110101199003070134")
        assert old.digest("110101199003070134") != old.digest("11010119900307109X")
        assert old.digest("110101199003070134") != Keyring.generate().digest("110101199003070134")
        assert len(old.digest("")) == 64


class TestRotation:
    def test_the_next_number_seals_and_the_old_ones_open(self) -> None:
        old = Keyring.generate()
        new = old.rotated(SealCipher.SM4).rotated(SealCipher.AES_256)
        assert (new.active, new.cipher) == ("k3", SealCipher.AES_256)
        assert new.ciphers == {"k1": SealCipher.SM4, "k2": SealCipher.SM4, "k3": SealCipher.AES_256}
        assert new.open(old.seal("text", "c"), "c") == "text"
        assert new.digest("text") == old.digest("text")

    def test_an_id_is_never_used_twice(self) -> None:
        """Not even where the last one was removed: an active key can't be, so its number stays."""
        keyring = Keyring("named", {"named": b"1" * 16, "k7": b"2" * 16}, b"d" * 32)
        assert keyring.rotated(SealCipher.SM4).active == "k8"

    def test_a_removed_key_opens_nothing_any_more(self) -> None:
        old = Keyring.generate()
        new = old.rotated(SealCipher.SM4).without(["k1"])
        with pytest.raises(SealBrokenError, match="not in the keyring"):
            new.open(old.seal("text", "c"), "c")

    @pytest.mark.parametrize(("key_id", "why"), [("k2", "k2 is the active key"), ("k9", "there is no key k9")])
    def test_the_active_or_an_unknown_key_is_not_removed(self, key_id: str, why: str) -> None:
        with pytest.raises(ValueError, match=why):
            Keyring.generate().rotated(SealCipher.SM4).without([key_id])

    def test_a_running_process_opens_what_a_later_key_sealed(self, tmp_path: Path) -> None:
        path = tmp_path / "keyring.json"
        Keyring.generate().save(path)
        running = Keyring.load(path)
        running.rotated(SealCipher.SM4).replace(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [item.name for item in tmp_path.iterdir()] == ["keyring.json"]
        restarted = Keyring.load(path)
        sealed = restarted.seal("text", "c")
        assert sealed.startswith("k2:")
        assert running.open(sealed, "c") == "text"
        assert running.active == "k1"

    def test_a_file_that_was_spoilt_meanwhile_changes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "keyring.json"
        Keyring.generate().save(path)
        running = Keyring.load(path)
        path.write_text("{", encoding="ascii")
        with pytest.raises(SealBrokenError, match="not in the keyring"):
            running.open("k2:" + "A" * 64, "c")
        assert running.open(running.seal("text", "c"), "c") == "text"


class TestFile:
    def test_a_saved_keyring_loads_and_is_its_owners_alone(self, tmp_path: Path) -> None:
        keyring, path = Keyring.generate(), tmp_path / "keyring.json"
        keyring.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [item.name for item in tmp_path.iterdir()] == ["keyring.json"]
        loaded = Keyring.load(path)
        assert loaded.open(keyring.seal("text", "c"), "c") == "text"
        assert loaded.digest("text") == keyring.digest("text")

    def test_a_keyring_is_never_overwritten(self, tmp_path: Path) -> None:
        path = tmp_path / "keyring.json"
        Keyring.generate().save(path)
        before = path.read_text(encoding="ascii")
        with pytest.raises(KeyringError, match="never overwritten"):
            Keyring.generate().save(path)
        assert path.read_text(encoding="ascii") == before
        assert [item.name for item in tmp_path.iterdir()] == ["keyring.json"]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o620])
    def test_a_file_that_others_may_open_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = written(tmp_path, json.dumps(GOOD), mode)
        with pytest.raises(KeyringError, match="its mode must be 600"):
            Keyring.load(path)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_a_mark_line_ends_and_folded_keys_are_taken(self, tmp_path: Path, encoding: str) -> None:
        path = written(tmp_path, "")
        text = json.dumps(GOOD | {"keys": {"k1": f"{KEY[:10]}\r\n{KEY[10:]} "}}, indent=1).replace("\n", "\r\n")
        path.write_bytes(text.encode(encoding))
        assert Keyring.load(path).active == "k1"
        assert Keyring.from_json("\ufeff" + text + "\r\n", "MEDPAY_KEYRING").active == "k1"

    @pytest.mark.parametrize(("encoding", "likeness"), [("utf-16", "looks like UTF-16"), ("gbk", "looks like GBK")])
    def test_another_encoding_is_named(self, tmp_path: Path, encoding: str, likeness: str) -> None:
        path = written(tmp_path, "")
        path.write_bytes(json.dumps(GOOD | {"note": "密"}, ensure_ascii=False).encode(encoding))
        with pytest.raises(KeyringError, match=rf"k.*json: broken keyring: it is not UTF-8 text, but {likeness}"):
            Keyring.load(path)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(KeyringError, match=r"nowhere\.json: can't read the keyring: No such file"):
            Keyring.load(tmp_path / "nowhere.json")

    def test_a_folder_is_no_keyring(self, tmp_path: Path) -> None:
        with pytest.raises(KeyringError, match="Is a directory"):
            Keyring.load(tmp_path)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("长", "not JSON"),
            ("[]", "must have active, keys and digest_key"),
            (GOOD | {"more": 1}, "must have active, keys and digest_key"),
            ({"active": "k1", "keys": {"k1": KEY}}, "must have active, keys and digest_key"),
            (GOOD | {"active": "k2"}, "active key is not among the keys"),
            (GOOD | {"active": None}, "active must be a key's id"),
            (GOOD | {"keys": []}, "active must be a key's id, keys an object"),
            (GOOD | {"keys": {}}, "active key is not among the keys"),
            (GOOD | {"keys": {"k1": "c2hvcnQ="}}, "key k1 must have 16 bytes"),
            (GOOD | {"keys": {"k1": KEY + KEY}}, "key k1 must"),
            (GOOD | {"keys": {"k1": "a" * 32}}, "key k1 must have 16 bytes .SM4. or 32 bytes"),
            (GOOD | {"keys": {"k1": "not base64"}}, "key k1 must be base64"),
            (GOOD | {"keys": {"k1": 7}}, "key k1 must be base64"),
            (GOOD | {"keys": {"k1": KEY, "k:2": KEY}}, "a key's id is"),
            (GOOD | {"digest_key": KEY}, "digest_key must have 32 bytes"),
        ],
    )
    def test_a_broken_file_is_told_in_a_line_without_keys(self, tmp_path: Path, content: object, reason: str) -> None:
        path = written(tmp_path, content if isinstance(content, str) else json.dumps(content))
        with pytest.raises(KeyringError, match=reason) as caught:
            Keyring.load(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
        assert KEY not in str(caught.value)

    def test_no_key_in_its_representation(self) -> None:
        keyring = Keyring("k1", {"k1": b"KEYMARKER-123456"}, b"d" * 32)
        assert "KEYMARKER" not in f"{keyring!r} {keyring}"
