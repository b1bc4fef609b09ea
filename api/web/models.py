"""What goes over the wire, as pydantic models: a field's rules, its documentation and its answer stand in one place.

A field's `alias` is the caller's spelling, `title` its Chinese name, `description` its rule, `examples` a sample.
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
"""Of a field that sets no `max_length` of its own."""
_MISSING = "missing"
"""pydantic's own type of that error."""
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_UNKNOWN_NAMES_LOGGED = 20
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that no field needs: control and format characters, lone surrogates, line separators."""

Absent = SkipJsonSchema[None]
"""Left out of the answer."""


class CallModel(BaseModel):
    """What a caller sends: every value arrives as text. The first wrong field, in the model's order, decides.

    `json_schema_extra={"x-required": …}`: when a field is demanded that may be left out otherwise.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Unknown keys are logged by name. Raises `PaymentError` MISSING_FIELD, INVALID_FIELD."""
        if unknown := unknown_names(cls, fields):
            logger.info("unknown_fields", names=unknown)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise _refusal(cls, error) from None

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, fields: Fields) -> Fields:
        """Null and blank are absent. A plain str: a `Number` would travel on as one."""
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
        chars_max = chars_max_of(cls.model_fields[info.field_name or ""])
        if len(value) > chars_max:
            raise invalid(f"不能超过{chars_max}个字符")
        if any(unicodedata.category(char) in _INVISIBLE for char in value):
            raise invalid("含有不可见字符")
        return value


class DataModel(BaseModel):
    """What an answer's DATA holds, in the model's order. None is left out."""

    model_config = ConfigDict(
        frozen=True,
        validate_by_name=True,
        # Docstrings are for us: the interface document is in Chinese.
        json_schema_extra=lambda schema: schema.pop("description", None),
    )

    def data(self) -> dict[str, Any]:
        """As it is answered."""
        return self.model_dump(by_alias=True, exclude_none=True)


D = TypeVar("D")


class Answer(BaseModel, Generic[D]):
    """The envelope, for the interface document (`api.web.envelope` makes the answers)."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("description", None))

    code: int = Field(alias="CODE", title="0 成功, -1 失败", json_schema_extra={"enum": [0, -1]})
    msg: str = Field(alias="MSG", title="失败的原因")
    data: D | Absent = Field(None, alias="DATA", title="仅在成功时")


def iso(moment: datetime | None) -> str:
    """ISO 8601 with its zone, to the millisecond; empty where there is none."""
    return moment.isoformat(timespec="milliseconds") if moment else ""


def reading(read: Callable[[str], object], wrong: str) -> PlainValidator:
    """The value that `read` makes of the text. `wrong`: what is said of a text that it refuses by ValueError."""

    def value_of(text: str | None) -> object:
        try:
            return None if text is None else read(text)
        except ValueError:
            raise invalid(wrong) from None

    return PlainValidator(value_of)


def missing() -> PydanticCustomError:
    """A field that is demanded here."""
    return PydanticCustomError(_MISSING, "不能为空")


def invalid(reason: str) -> PydanticCustomError:
    """`reason` follows the field's name and says what is wrong without the value: it may be a person's."""
    return PydanticCustomError("invalid", "{reason}", {"reason": reason})


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Each field's name on the wire, and the field."""
    return ((field.alias or name, field) for name, field in model.model_fields.items())


def title_of(model: type[BaseModel], name: str) -> str:
    """Both spellings of the field that is `name` on the wire, as messages name it."""
    return f"{dict(fields_of(model))[name].title}({name})"


def sample_of(model: type[BaseModel]) -> dict[str, Any]:
    """Every field that has an example, with its first one."""
    return {name: field.examples[0] for name, field in fields_of(model) if field.examples}


def chars_max_of(field: FieldInfo) -> int:
    return next((rule.max_length for rule in field.metadata if isinstance(rule, MaxLen)), TEXT_CHARS_MAX)


def unknown_names(model: type[BaseModel], fields: Fields) -> list[str]:
    """The keys that no field has, for the log: a few. What is no field's name at all may be a person's, and is `?`."""
    known = {name for name, _ in fields_of(model)}
    unknown = [name if _FIELD_NAME.fullmatch(name) else "?" for name in fields if name not in known]
    return unknown[:_UNKNOWN_NAMES_LOGGED]


def _refusal(model: type[BaseModel], error: ValidationError) -> PaymentError:
    """What a caller is told of a call that is not valid: one field, by both its names, and never its value."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = first["loc"][0]  # the alias, or the attribute where a default is judged
    field = next(field for attribute, field in model.model_fields.items() if place in {field.alias, attribute})
    title = f"{field.title}({field.alias})"
    if first["type"] == _MISSING:
        return PaymentError(ErrorCode.MISSING_FIELD, f"{title}不能为空")
    reason = f"格式不正确: {field.description}" if first["type"] == "string_pattern_mismatch" else first["msg"]
    return PaymentError(ErrorCode.INVALID_FIELD, f"{title}{reason}")
