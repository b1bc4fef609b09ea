"""What a thief of the disk gets: markers are sought in the database's own bytes."""

from pathlib import Path

import pytest
from sqlalchemy import select, text

from domain.states import PaymentState
from security.crypto.keyring import Keyring
from storage.records import PaymentFacts
from storage.session import Database
from tests.support.values.orders import bill_of, outpatient
from tests.support.values.records import AT, SETTLEMENT, key_of

ORDER = outpatient(
    "RAW1",
    pay_auth_no="PAYAUTH-MARKER-1",
    uld_latlnt="LATLNT-MARKER-2",
    id_no="ID-MARKER-3",
    patient_name="欧阳标记四",
    patient_id="PATIENT-CLEAR",
)
FACTS = PaymentFacts(pay_token="PAYTOKEN-MARKER-5", si_personal_no="PSNNO-MARKER-6", settlement=SETTLEMENT)
MARKERS = (
    "PAYAUTH-MARKER-1",
    "LATLNT-MARKER-2",
    "ID-MARKER-3",
    "欧阳标记四",
    "PAYTOKEN-MARKER-5",
    "PSNNO-MARKER-6",
    "REVS-MARKER-7",
)
TABLES = ("payment", "fee_line", "settlement", "call_log", "state_change")


@pytest.fixture
async def written(database: Database) -> None:
    async with database.begin() as unit:
        key = key_of(ORDER)
        await unit.payments.receive(ORDER, AT)
        await unit.payments.record(key, 1, AT, state=PaymentState.PRICED, facts=FACTS)
        await unit.fee_lines.replace(key, bill_of(ORDER).fees.lines)
        await unit.calls.begin(key, "6201", AT, "REF")


@pytest.mark.usefixtures("written")
async def test_no_marker_in_any_row(database: Database) -> None:
    async with database._engines.reader.connect() as connection:
        dump = "\n".join(
            [str((await connection.execute(select(text("*")).select_from(text(table)))).all()) for table in TABLES]
        )
    assert "PATIENT-CLEAR" in dump
    assert [marker for marker in MARKERS if marker in dump] == []


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("written")
async def test_no_marker_in_the_files(database: Database, tmp_path: Path) -> None:
    async with database.read() as unit:
        assert await unit.payments.find(key_of(ORDER)) is not None
    files = _contents(tmp_path)
    assert b"PATIENT-CLEAR" in files
    assert [marker for marker in MARKERS if marker.encode() in files] == []


async def test_the_markers_are_there_for_who_has_the_keys(
    written: None,  # noqa: ARG001 - a fixture without a value
    records_url: str,
    keyring: Keyring,
) -> None:
    async with Database(records_url, keyring) as database, database.read() as unit:
        found = await unit.payments.find(key_of(ORDER))
    assert found is not None
    assert (found.order, found.pay_token, found.settlement) == (ORDER, "PAYTOKEN-MARKER-5", SETTLEMENT)


def _contents(folder: Path) -> bytes:
    """The database, its write-ahead log, and whatever lies beside them."""
    return b"".join(path.read_bytes() for path in folder.glob("records.db*"))
