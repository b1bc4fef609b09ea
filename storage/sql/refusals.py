"""What a database refuses because of what is in a row: trying again would be refused again, for ever.

PostgreSQL refuses a text that is too long for its column, NUL, half a character, a number beyond its column; both
databases refuse what a CHECK forbids and a missing value. Not a row that another one's key keeps out: the other one
may be gone when one looks again.
"""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

_DATA_EXCEPTION = "22"
"""PostgreSQL's class of errors about the data itself."""

_SQLSTATES = frozenset({"23502", "23514"})
"""NOT NULL and CHECK."""

_SQLITE_NAMES = frozenset({"SQLITE_CONSTRAINT_CHECK", "SQLITE_CONSTRAINT_NOTNULL", "SQLITE_TOOBIG"})


class RowRefusedError(SQLAlchemyError):
    """The database will never take this row. The message has the database's code, and which constraint; no value."""


def refusal_of(error: Exception) -> RowRefusedError | None:
    """`error`, raised by a statement, as a refusal of its row. None: it is none, and may be over next time."""
    if isinstance(error, UnicodeEncodeError | OverflowError):
        # SQLite's driver, about half a character or a number beyond 64 bits; sealing, about the former.
        return RowRefusedError(type(error).__name__)
    if not isinstance(error, DBAPIError):
        return None
    sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
    name = str(getattr(error.orig, "sqlite_errorname", None) or "")
    if sqlstate.startswith(_DATA_EXCEPTION) or sqlstate in _SQLSTATES:
        cause = error.orig.__cause__ if error.orig else None
        broken = getattr(cause, "constraint_name", None) or getattr(cause, "column_name", None) or ""
        return RowRefusedError(f"SQLSTATE {sqlstate} {broken}".rstrip())
    if name in _SQLITE_NAMES:
        # SQLite's words end with the constraint's name, or the column's.
        return RowRefusedError(f"{name} {str(error.orig).partition(': ')[2]}".rstrip())
    return None
