"""The table of the log of access. Rows are only added: triggers refuse every change, and the chain shows it."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Text
from sqlmodel import Field, SQLModel

from storage.tables import HOSPITAL_CHARS_MAX, ID_CHARS_MAX, MESSAGE_CHARS_MAX, WORD_CHARS_MAX

DIGEST_CHARS = 64
AT_CHARS = 32


def _sequence() -> Column[int]:
    """Given by the writer: a number that the database hands out has gaps, which look like removed records."""
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column("sequence", kind, primary_key=True, autoincrement=False)


class AccessLog(SQLModel, table=True):
    """One access, as `security.access_log.Link` says. `at` is text, since what is digested must be what is stored."""

    __tablename__ = "access_log"
    __table_args__ = (CheckConstraint("sequence > 0", name="sequence_positive"),)

    sequence: int = Field(sa_column=_sequence())
    at: str = Field(max_length=AT_CHARS)
    event: str = Field(max_length=WORD_CHARS_MAX)
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    actor: str = Field(max_length=ID_CHARS_MAX)
    role: str = Field(max_length=WORD_CHARS_MAX)
    subject: str = Field(max_length=MESSAGE_CHARS_MAX)
    details: str = Field(sa_type=Text)
    previous: str = Field(max_length=DIGEST_CHARS)
    digest: str = Field(max_length=DIGEST_CHARS)
