"""A database that is away is 503; one that refuses what we write is our own failure, which a repeat will not mend."""

import pytest
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.web.errors import check_unavailable


class Refused(Exception):
    """As a driver raises it."""

    def __init__(self, sqlstate: str = "") -> None:
        super().__init__("refused")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT 1", None, Exception("database is locked")),
        DBAPIError("SELECT 1", None, Refused("57P01")),
        DBAPIError("SELECT 1", None, Refused("08006")),
        PoolTimeoutError("no connection"),
        ConnectionRefusedError(),
    ],
)
def test_is_away(error: Exception) -> None:
    check_unavailable(error)


@pytest.mark.parametrize(
    "error",
    [
        DataError("INSERT", None, Exception("too long")),
        IntegrityError("INSERT", None, Exception("not unique")),
        DBAPIError("INSERT", None, Refused("22021")),
        DBAPIError("INSERT", None, Refused("23505")),
    ],
)
def test_is_there_and_refuses(error: SQLAlchemyError) -> None:
    with pytest.raises(SQLAlchemyError) as raised:
        check_unavailable(error)
    assert raised.value is error
