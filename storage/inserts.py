"""INSERT that copes with a row that is there already. Both databases know it, SQLAlchemy has it once for each."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from storage.engines import AnyConnection


def insert(connection: AnyConnection, table: type[SQLModel]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, for this connection's database."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
