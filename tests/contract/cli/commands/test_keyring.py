"""`medpay keys rotate | reseal | check | remove` as processes, on real rows and real histories."""

import json
import stat
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from domain.states import PaymentState
from security.crypto.gcm import SealCipher
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.stack.medpay_up import medpay_environment, run_medpay
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.values.orders import outpatient, start
from tests.support.values.records import AT, key_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
ORDER = outpatient("M1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal() -> AsyncIterator[str]:
    async with temporal_server() as address:
        yield address


@pytest_asyncio.fixture(loop_scope="module")
async def folder(tmp_path: Path) -> Path:
    """A data folder with a keyring, and one payment's row."""
    keyring = Keyring.generate()
    keyring.save(tmp_path / "keyring.json")
    upgrade(url := f"sqlite:///{tmp_path / 'medpay.db'}")
    async with Database(url, keyring) as database, database.begin() as unit:
        await unit.payments.receive(ORDER, AT)
        await unit.payments.record(key_of(ORDER), 1, AT, state=PaymentState.PRICED)
    return tmp_path


async def keys(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    return await run_medpay("keys", *arguments, cwd=folder, environment={**medpay_environment(folder), **environment})


async def test_from_a_rotation_to_the_old_keys_end(folder: Path) -> None:
    path = folder / "keyring.json"
    code, output, _ = await keys(folder, "check")
    assert (code, output.splitlines()[1]) == (0, "k1: sm4-gcm, active, 3 sealed texts in rows")
    code, output, _ = await keys(folder, "rotate", "--cipher", "aes-256-gcm")
    assert code == 0
    assert output.startswith(f"{path}: k2 (aes-256-gcm) seals from now on\nRestart the API and the workers now")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    code, output, _ = await keys(folder, "check", "--json")
    found = json.loads(output)
    assert (code, found["active"], found["keys"]["k1"]["rows"], found["keys"]["k2"]["rows"]) == (0, "k2", 3, 0)
    code, output, _ = await keys(folder, "reseal")
    assert (code, output) == (0, "1 rows sealed anew with k2\n")
    url, alone = f"sqlite:///{folder / 'medpay.db'}", Keyring.load(path).without(["k1"])
    async with Database(url, alone) as database, database.read() as unit:
        record = await unit.payments.find(key_of(ORDER))
    assert record is not None
    assert record.order == ORDER


async def test_rotating_and_resealing_in_one(folder: Path) -> None:
    code, output, _ = await keys(folder, "rotate", "--reseal")
    assert (code, output.splitlines()[-1]) == (0, "1 rows sealed anew with k2")


async def test_a_key_that_data_needs_and_nobody_has(folder: Path) -> None:
    (folder / "keyring.json").unlink()
    Keyring("k9", {"k9": b"9" * 16}, b"d" * 32).save(folder / "keyring.json")
    code, _, errors = await keys(folder, "check")
    assert (code, errors) == (1, "k1: is not in the keyring, and data needs it: restore the keyring that had it\n")
    code, _, errors = await keys(folder, "reseal")
    assert code == 1
    assert "1 rows" in errors


async def test_a_keyring_that_others_may_read_fails_the_check(folder: Path) -> None:
    (folder / "keyring.json").chmod(0o644)
    code, _, errors = await keys(folder, "check")
    assert (code, "its mode must be 600" in errors) == (1, True)


async def test_a_keyring_of_the_environment_is_not_changed_here(folder: Path) -> None:
    text = (folder / "keyring.json").read_text(encoding="ascii")
    code, _, errors = await keys(folder, "rotate", MEDPAY_KEYRING=text)
    assert (code, errors.startswith("MEDPAY_KEYRING holds the keyring itself")) == (2, True)
    assert (folder / "keyring.json").read_text(encoding="ascii") == text


class TestRemove:
    async def test_only_what_neither_rows_nor_histories_need(self, folder: Path, temporal: str) -> None:
        keyring = Keyring.load(folder / "keyring.json")
        client = await Client.connect(temporal, data_converter=data_converter(keyring))
        begun = start(outpatient(uuid.uuid4().hex[:20]))
        await client.start_workflow("PaymentWorkflow", begun, id=begun.order.workflow_id, task_queue="nobody")
        at = {"MEDPAY_TEMPORAL_ADDRESS": temporal}
        assert (await keys(folder, "rotate"))[0] == 0
        code, _, errors = await keys(folder, "remove", "k1", **at)
        assert (code, errors.startswith("k1 is needed: 3 sealed texts in rows")) == (1, True)
        assert (await keys(folder, "reseal"))[0] == 0
        code, _, errors = await keys(folder, "remove", "k1", **at)
        assert (code, "0 sealed texts in rows (medpay keys reseal), 1 workflows in Temporal" in errors) == (1, True)
        code, output, _ = await keys(folder, "check", "--histories", **at)
        assert "k1: sm4-gcm, 0 sealed texts in rows, 1 workflows in Temporal" in output

    async def test_when_nothing_needs_it_any_more_it_goes(self, folder: Path) -> None:
        path = folder / "keyring.json"
        assert (await keys(folder, "rotate", "--reseal"))[0] == 0
        async with temporal_server() as empty:
            code, output, _ = await keys(folder, "remove", "k1", MEDPAY_TEMPORAL_ADDRESS=empty)
        assert (code, "k1 is removed" in output) == (0, True)
        assert Keyring.load(path).ciphers == {"k2": SealCipher.SM4}

    async def test_not_the_active_one(self, folder: Path) -> None:
        code, _, errors = await keys(folder, "remove", "k1")
        assert (code, errors) == (2, f"{folder / 'keyring.json'}: k1 is the active key\n")


async def test_a_new_keyring_has_the_cipher_that_is_asked_for(tmp_path: Path) -> None:
    for cipher in SealCipher:
        path = tmp_path / f"{cipher}.json"
        code, _, _ = await keys(tmp_path, "new", "keyring", "--output", str(path), "--cipher", cipher)
        keyring = Keyring.load(path)
        assert (code, keyring.cipher, keyring.for_practice) == (0, cipher, False)
