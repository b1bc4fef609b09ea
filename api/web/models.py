"""Base classes of wire models: each field's name, rules, documentation and sample are declared once.

A field's `alias` is its name on the wire, `title` its Chinese name, `description` its rule, `examples` its sample.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

import structlog
from annotated_types import MaxLen
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from api.web.body import REPEATED, Fields
from domain.errors import ErrorCode, PaymentError

logger = structlog.get_logger(__name__)

TEXT_CHARS_MAX = 128
"""The limit of a field without `max_length`."""
_MISSING = "missing"
"""pydantic's own name for this type of error."""
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_UNKNOWN_NAMES_LOGGED = 20
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories refused in fields: control and format characters, lone surrogates, line separators."""

_NO_TEXT = frozenset({"Cs"})

Absent = SkipJsonSchema[None]
"""For an optional field: None leaves it out of the answer and out of the schema."""


class _Personal:
    """Marks a field whose own reader takes out invisible characters, since people paste them with their names."""


PERSONAL = _Personal()


class CallModel(BaseModel):
    """What a caller sends. Values arrive as text. The first invalid field, in the model's order, is reported.

    `json_schema_extra={"x-required": …}` documents when an optional field is required.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Validate `fields`; unknown keys are only logged. Raises `PaymentError` MISSING_FIELD or INVALID_FIELD."""
        if unknown := unknown_names(cls, fields):
            logger.info("unknown_fields", names=unknown)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise _refusal(cls, error) from None

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, fields: Fields) -> Fields:
        """Drops null and blank values, and makes every `Number` a plain str."""
        trimmed = {name: str(value).strip() if isinstance(value, str) else value for name, value in fields.items()}
        return {name: value for name, value in trimmed.items() if value is not None and value != ""}

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, value: object, info: ValidationInfo) -> object:
        if value is None:  # a default
            return None
        if value is REPEATED:
            raise invalid("重复出现")
        if not isinstance(value, str):
            raise invalid("必须是字符串或数字")
        field = cls.model_fields[info.field_name or ""]
        chars_max = chars_max_of(field)
        if len(value) > chars_max:
            raise invalid(f"不能超过{chars_max}个字符")
        refused = _NO_TEXT if PERSONAL in field.metadata else _INVISIBLE
        if any(unicodedata.category(char) in refused for char in value):
            raise invalid("含有不可见字符")
        return value


class DataModel(BaseModel):
    """The DATA of an answer, in the model's order. Fields that are None are left out."""

    model_config = ConfigDict(
        frozen=True,
        validate_by_name=True,
        # Keeps our English docstrings out of the interface document, which is in Chinese.
        json_schema_extra=lambda schema: schema.pop("description", None),
    )

    def data(self) -> dict[str, Any]:
        """The fields by their names on the wire."""
        return self.model_dump(by_alias=True, exclude_none=True)


D = TypeVar("D")


class Answer(BaseModel, Generic[D]):
    """The envelope's schema for the interface document (`api.web.envelope` makes the answers)."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("description", None))

    code: int = Field(alias="CODE", title="0 成功, -1 失败", json_schema_extra={"enum": [0, -1]})
    msg: str = Field(alias="MSG", title="失败的原因")
    data: D | Absent = Field(None, alias="DATA", title="仅在成功时")


def iso(moment: datetime | None) -> str:
    """ISO 8601 with the zone, to the millisecond; empty for None."""
    return moment.isoformat(timespec="milliseconds") if moment else ""


def reading(read: Callable[[str], object], wrong: str) -> PlainValidator:
    """Validates a text by `read`. `wrong`: the reason given where `read` raises ValueError."""

    def value_of(text: str | None) -> object:
        try:
            return None if text is None else read(text)
        except ValueError:
            raise invalid(wrong) from None

    return PlainValidator(value_of)


def missing() -> PydanticCustomError:
    """The error of an absent field that is required."""
    return PydanticCustomError(_MISSING, "不能为空")


def invalid(reason: str) -> PydanticCustomError:
    """The error of an invalid field. `reason` follows its name and never repeats its value, which may be personal."""
    return PydanticCustomError("invalid", "{reason}", {"reason": reason})


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Each field with its name on the wire."""
    return ((field.alias or name, field) for name, field in model.model_fields.items())


def title_of(model: type[BaseModel], name: str) -> str:
    """How messages name the field that is `name` on the wire: by its Chinese title and that name."""
    return f"{dict(fields_of(model))[name].title}({name})"


def sample_of(model: type[BaseModel]) -> dict[str, Any]:
    """A sample: the first example of every field that has one."""
    return {name: field.examples[0] for name, field in fields_of(model) if field.examples}


def chars_max_of(field: FieldInfo) -> int:
    return next((rule.max_length for rule in field.metadata if isinstance(rule, MaxLen)), TEXT_CHARS_MAX)


def unknown_names(model: type[BaseModel], fields: Fields) -> list[str]:
    """The first few unknown keys, for the log. One that can't be a field's name may be personal data: logged as `?`."""
    known = {name for name, _ in fields_of(model)}
    unknown = [name if _FIELD_NAME.fullmatch(name) else "?" for name in fields if name not in known]
    return unknown[:_UNKNOWN_NAMES_LOGGED]


def _refusal(model: type[BaseModel], error: ValidationError) -> PaymentError:
    """The answer to an invalid call: names its first invalid field, never the value."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = first["loc"][0]  # the alias, or the attribute where a default is judged
    field = next(field for attribute, field in model.model_fields.items() if place in {field.alias, attribute})
    title = f"{field.title}({field.alias})"
    if first["type"] == _MISSING:
        return PaymentError(ErrorCode.MISSING_FIELD, f"{title}不能为空")
    reason = f"格式不正确: {field.description}" if first["type"] == "string_pattern_mismatch" else first["msg"]
    return PaymentError(ErrorCode.INVALID_FIELD, f"{title}{reason}")
