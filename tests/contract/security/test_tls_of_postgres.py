"""PostgreSQL with ssl=on that demands our certificate: the records and the migrations get through, strangers don't."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from domain.base import PaymentKey
from security.crypto.keyring import Keyring
from security.tls import TlsFiles
from settings import Settings
from storage.session import Database
from storage.sql.engines import open_engines
from storage.sql.migrate import upgrade
from tests.support.stack.database import rows
from tests.support.stack.postgres import postgres_server
from tests.support.tls.certificate_set import Certificates

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def place(certificates: Certificates) -> Iterator[str]:
    with postgres_server(certificates.server, certificates.authority.ca) as address:
        yield f"postgresql://postgres@{address}/postgres"


def with_tls(url: str, files: TlsFiles) -> Settings:
    given = {f"database_tls_{part}": value for part, value in files if value is not None}
    return Settings(_env_file=None, database_url=url, **given)


async def is_reached(settings: Settings) -> bool:
    try:
        async with Database(settings.database, Keyring.generate()):
            return True
    except (OSError, SQLAlchemyError):
        return False


@pytest.fixture
async def database(place: str, certificates: Certificates) -> AsyncIterator[Database]:
    settings = with_tls(place, certificates.files)
    upgrade(settings.database)
    async with Database(settings.database, Keyring.generate()) as opened:
        yield opened


async def test_migrations_and_records_get_through(database: Database) -> None:
    async with database.read() as unit:
        assert await unit.payments.find(PaymentKey(hospital="main", med_org_ord="M1")) is None
    (row,) = await rows(
        database._engines.reader, "SELECT version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    )
    assert row["version"] in {"TLSv1.2", "TLSv1.3"}
    assert row["client_dn"] == "/CN=ours"


async def test_the_url_may_say_it_too(place: str, certificates: Certificates) -> None:
    files = certificates.files
    words = f"sslmode=verify-full&sslrootcert={files.ca}&sslcert={files.cert}&sslkey={files.key}"
    engines = open_engines(Settings(_env_file=None, database_url=f"{place}?{words}").database)
    async with engines.writer.connect() as connection:
        assert (await connection.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))).scalar_one()
    await engines.dispose()


@pytest.mark.parametrize(
    "wrong",
    [
        "no certificate of ours",
        "a stranger's certificate",
        "an authority that did not sign the server's",
        "the machine's own authorities",
    ],
)
async def test_nobody_else_does(place: str, certificates: Certificates, wrong: str) -> None:
    assert not await is_reached(with_tls(place, certificates.wrong[wrong]))


async def test_in_clear_is_no_way(place: str) -> None:
    assert not await is_reached(Settings(_env_file=None, database_url=place))
    assert not await is_reached(Settings(_env_file=None, database_url=f"{place}?sslmode=disable"))
