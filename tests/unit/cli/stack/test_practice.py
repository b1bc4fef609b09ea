"""What the embedded stack makes for itself in its data folder."""

import hashlib
import stat
from pathlib import Path

from cli.stack.practice import PEOPLE, Addresses, make_hospital, person_key_file
from hospitals import load_hospitals

ADDRESSES = Addresses("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3")


def test_two_people_may_decide_its_review_queue(tmp_path: Path) -> None:
    (hospital,) = load_hospitals(make_hospital(tmp_path, "main", ADDRESSES)).values()
    assert [(key.name, key.role) for key in hospital.keys] == [(person, person) for person in PEOPLE]
    for person, known in zip(PEOPLE, hospital.keys, strict=True):
        file = person_key_file(tmp_path, person)
        assert hashlib.sha256(file.read_bytes().strip()).hexdigest() == known.sha256
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_of_an_earlier_version_gets_what_it_lacks_and_keeps_the_rest(tmp_path: Path) -> None:
    before = load_hospitals(make_hospital(tmp_path, "main", ADDRESSES))["main"]
    for person in PEOPLE:
        person_key_file(tmp_path, person).unlink()
    after = load_hospitals(make_hospital(tmp_path, "main", ADDRESSES))["main"]
    assert (after.private_key, after.app_secret, after.app_id) == (
        before.private_key,
        before.app_secret,
        before.app_id,
    )
    assert {key.sha256 for key in after.keys}.isdisjoint(key.sha256 for key in before.keys)
    assert make_hospital(tmp_path, "main", ADDRESSES).read_text(encoding="utf-8").count("sha256") == len(PEOPLE)
