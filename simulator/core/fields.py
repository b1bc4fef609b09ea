"""Field types of both simulators' requests."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from domain.values.china_time import from_china
from domain.values.fen import Fen, parse_yuan


def _fen(value: object) -> Fen:
    if not isinstance(value, str):
        raise ValueError("an amount is a text")
    return parse_yuan(value)


def _china_time(value: str) -> str:
    from_china(value)
    return value


Amount = Annotated[Fen, Field(ge=0), BeforeValidator(_fen)]
"""Yuan as text, read as fen."""

ChinaTime = Annotated[str, StringConstraints(max_length=256), AfterValidator(_china_time)]
"""A time in UTC+8, kept as its text."""
