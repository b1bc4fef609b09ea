"""What signed calls came with, so that none serves twice."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage.sql.columns import UtcDateTime
from storage.tables import HOSPITAL_CHARS_MAX, WORD_CHARS_MAX

NONCE_CHARS_MAX = 64


class UsedNonce(SQLModel, table=True):
    """A signed call came with it. `serves_until`: from then on the call's timestamp is stale by itself."""

    __tablename__ = "used_nonce"
    __table_args__ = (Index("used_nonce_by_time", "serves_until"),)

    hospital: str = Field(primary_key=True, max_length=HOSPITAL_CHARS_MAX)
    key_name: str = Field(primary_key=True, max_length=WORD_CHARS_MAX)
    nonce: str = Field(primary_key=True, max_length=NONCE_CHARS_MAX)
    serves_until: datetime = Field(sa_type=UtcDateTime)
