"""A decoding session lasts an hour, or until its person signs out, in whatever API process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from starlette.responses import Response

from api.access.keys import Caller
from api.codec.session import SESSION_S, CodecSessions
from hospitals import Hospital, Role, load_hospitals
from security.crypto.keyring import Keyring
from storage.session import Database
from tests.support.stack.api_server import prepare
from tests.support.stack.database import rows


class Clock:
    now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    settings = prepare(tmp_path, "127.0.0.1:9")
    async with Database(settings.database, Keyring.load(settings.keyring_path)) as opened:
        yield opened


def caller(folder: Path) -> Caller:
    hospital: Hospital = load_hospitals(folder / "hospitals.toml")["main"]
    return Caller(hospital, "li", Role.AUDITOR)


def cookie(sessions: CodecSessions, folder: Path, *, secure: bool = False) -> tuple[str, str]:
    """Its value and its flags."""
    header = sessions.opened(Response(), "the key", caller(folder), secure=secure).headers["Set-Cookie"]
    pair, _, flags = header.partition("; ")
    return pair.partition("=")[2].strip('"'), flags


async def test_the_key_comes_back_until_the_session_is_over(database: Database, tmp_path: Path) -> None:
    clock = Clock()
    sessions = CodecSessions(Keyring.generate(), database, clock)
    value, _ = cookie(sessions, tmp_path)
    clock.now += SESSION_S - 1
    assert await sessions.key_in(value) == "the key"
    clock.now += 1
    assert await sessions.key_in(value) is None


async def test_signing_out_ends_it_in_every_process_and_no_other(database: Database, tmp_path: Path) -> None:
    keyring = Keyring.generate()
    here, there = CodecSessions(keyring, database, Clock()), CodecSessions(keyring, database, Clock())
    value, other = cookie(here, tmp_path)[0], cookie(here, tmp_path)[0]
    for _ in range(2):
        await there.end(value)
    assert [await here.key_in(one) for one in (value, other)] == [None, "the key"]
    logged = await rows(database._engines.reader, "SELECT event, hospital, actor, role FROM access_log")
    assert [tuple(row.values()) for row in logged] == [("codec:session:closed", "main", "li", "auditor")]


async def test_what_is_no_session_of_ours_ends_nothing(database: Database, tmp_path: Path) -> None:
    """Nobody fills the table: only a cookie that we made, within its hour, leaves a row."""
    clock = Clock()
    sessions = CodecSessions(Keyring.generate(), database, clock)
    value, _ = cookie(sessions, tmp_path)
    strangers, _ = cookie(CodecSessions(Keyring.generate(), database, clock), tmp_path)
    clock.now += SESSION_S
    for none in ("", "x", "azE6QUFBQQ==", strangers, value):
        await sessions.end(none)
    assert await rows(database._engines.reader, "SELECT session FROM ended_session") == []
    assert await rows(database._engines.reader, "SELECT event FROM access_log") == []


async def test_another_keyring_s_cookie_is_none(database: Database, tmp_path: Path) -> None:
    value, _ = cookie(CodecSessions(Keyring.generate(), database), tmp_path)
    assert await CodecSessions(Keyring.generate(), database).key_in(value) is None


async def test_over_https_it_never_travels_in_the_clear(database: Database, tmp_path: Path) -> None:
    sessions = CodecSessions(Keyring.generate(), database)
    assert "Secure" in cookie(sessions, tmp_path, secure=True)[1]
    assert "Secure" not in cookie(sessions, tmp_path)[1]
