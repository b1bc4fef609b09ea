"""`medpay audit verify` and `access` as commands, on a log that other commands wrote."""

import asyncio
import json
import os
import pwd
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from security.access_log import GENESIS, OS_USER, Access, AccessEvent
from security.crypto.keyring import Keyring
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.stack.medpay_up import medpay_environment, run_medpay

ME = pwd.getpwuid(os.geteuid()).pw_name


class Place:
    """A folder with a keyring and a migrated database; commands run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "records.db"
        self.url = f"sqlite:///{self.database}"
        self._environment = medpay_environment(
            folder / "data", MEDPAY_KEYRING_FILE="k.json", MEDPAY_DATABASE_URL="sqlite:///records.db"
        )

    async def medpay(self, *arguments: str) -> tuple[int, str, str]:
        return await run_medpay(*arguments, cwd=self.folder, environment=self._environment)

    async def json(self, *arguments: str) -> tuple[int, Any]:
        code, output, _ = await self.medpay(*arguments, "--json")
        return code, json.loads(output)

    def forge(self, *statements: str) -> None:
        connection = sqlite3.connect(self.database)
        for statement in ("DROP TRIGGER access_log_no_update", "DROP TRIGGER access_log_no_delete", *statements):
            connection.execute(statement)
        connection.commit()
        connection.close()


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    Keyring.generate().save(tmp_path / "k.json")
    await asyncio.to_thread(upgrade, place.url)
    return place


async def three_records(place: Place) -> None:
    async with Database(place.url, Keyring.generate()) as database, database.begin() as unit:
        for number in (1, 2, 3):
            shown = Access(AccessEvent.CLI_PAYMENT_SHOWN, "main", "li", OS_USER, f"payment-main-M{number}")
            await unit.access.append(shown)


class TestWhatIsRecorded:
    async def test_what_a_person_looked_at_with_their_name(self, place: Place) -> None:
        await place.medpay("payments", "show", "M1")
        await place.medpay("payments", "list")
        await place.medpay("payments", "show", "110101199003070134")
        await place.medpay("notifications", "list")
        code, shown = await place.json("audit", "access")
        assert code == 0
        assert [(record["event"], record["hospital"], record["subject"]) for record in shown] == [
            ("cli:payment:shown", "main", "payment-main-M1"),
            ("cli:payment:listed", "main", ""),
            ("cli:payment:shown", "main", "payment-main-1101**********0134"),
            ("cli:notification:listed", "main", ""),
        ]
        assert {(record["actor"].rpartition(" ")[2], record["role"]) for record in shown} == {(ME, "os-user")}

    async def test_keys_that_are_made_without_the_keys(self, place: Place) -> None:
        _, output, errors = await place.medpay("keys", "new", "caller", "--name", "zhang", "--role", "auditor")
        await place.medpay("keys", "new", "hospital", "--output", "main.key")
        _, shown = await place.json("audit", "access")
        assert [(record["event"], record["details"]) for record in shown] == [
            ("cli:key:made", {"kind": "caller", "name": "zhang", "role": "auditor"}),
            ("cli:key:made", {"kind": "hospital", "file": "main.key"}),
        ]
        assert errors == ""
        key = output.splitlines()[0].rpartition(" ")[2]
        assert key.encode() not in place.database.read_bytes()

    async def test_a_key_is_made_all_the_same_before_there_is_a_database(self, tmp_path: Path) -> None:
        environment = medpay_environment(tmp_path / "data")
        code, _, errors = await run_medpay("keys", "new", "caller", cwd=tmp_path, environment=environment)
        assert (code, errors) == (0, "Not in the access log: there is no database yet\n")
        assert not (tmp_path / "data").exists()

    async def test_a_payment_is_not_shown_where_it_cannot_be_recorded(self, place: Place) -> None:
        place.forge("ALTER TABLE access_log RENAME TO gone")
        code, output, errors = await place.medpay("payments", "show", "M1")
        assert (code, output) == (1, "")
        assert errors.startswith("MEDPAY_DATABASE_URL: the database can't be used: no such table: access_log")

    async def test_the_list_is_of_one_payment_where_asked_and_bounded(self, place: Place) -> None:
        await three_records(place)
        _, of_one = await place.json("audit", "access", "--payment", "M1")
        assert [record["sequence"] for record in of_one] == [1]
        _, last = await place.json("audit", "access", "--last", "2")
        assert [record["sequence"] for record in last] == [2, 3]
        _, output, _ = await place.medpay("audit", "access")
        assert output.splitlines()[0].endswith("payment-main-M1  {}")


class TestVerify:
    async def test_a_whole_chain_passes_with_its_head(self, place: Place) -> None:
        await three_records(place)
        code, verdict = await place.json("audit", "verify")
        assert code == 0
        assert (verdict["pass"], verdict["records"], verdict["first_bad"]) == (True, 3, None)
        code, output, _ = await place.medpay("audit", "verify", "--expect-head", verdict["head"])
        assert (code, output) == (0, f"PASS 3 records, head {verdict['head']}\n")

    async def test_an_empty_log_passes(self, place: Place) -> None:
        code, output, _ = await place.medpay("audit", "verify", "--expect-head", GENESIS)
        assert (code, output) == (0, f"PASS 0 records, head {GENESIS}\n")

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ("UPDATE access_log SET actor = 'x' WHERE sequence = 2", "FAIL record 2: its contents are not those"),
            ("UPDATE access_log SET at = 17 WHERE sequence = 2", "FAIL record 2: its contents are not those"),
            ("UPDATE access_log SET details = X'FF00' WHERE sequence = 2", "FAIL record 2: its contents are not those"),
            ("DELETE FROM access_log WHERE sequence = 2", "FAIL record 3: record 2 is missing"),
        ],
    )
    async def test_tampering_is_told_by_its_first_record(self, place: Place, change: str, said: str) -> None:
        await three_records(place)
        place.forge(change)
        code, output, _ = await place.medpay("audit", "verify")
        assert code == 1
        assert output.startswith(said)
        code, verdict = await place.json("audit", "verify")
        assert (code, verdict["pass"]) == (1, False)
        assert f"record {verdict['first_bad']['sequence']}:" in said

    async def test_a_cut_end_is_found_by_a_head_that_was_kept(self, place: Place) -> None:
        await three_records(place)
        _, before = await place.json("audit", "verify")
        place.forge("DELETE FROM access_log WHERE sequence = 3")
        assert (await place.medpay("audit", "verify"))[0] == 0
        code, output, _ = await place.medpay("audit", "verify", "--expect-head", before["head"])
        assert code == 1
        assert output == "FAIL no record has the expected head: the log was truncated or rewritten\n"

    async def test_a_head_that_is_none_is_wrong_use(self, place: Place) -> None:
        code, _, errors = await place.medpay("audit", "verify", "--expect-head", "abc")
        assert (code, errors) == (2, "--expect-head: must be the 64 hex digits of a head\n")

    async def test_it_needs_no_keyring(self, place: Place) -> None:
        (place.folder / "k.json").unlink()
        assert (await place.medpay("audit", "verify"))[0] == 0
