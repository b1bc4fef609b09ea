"""One table of fields per interface is its validation and its documentation: the two can't disagree."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.web.p_json import REPEATED, Fields
from domain.errors import ErrorCode, PaymentError

TEXT_CHARS_MAX = 128
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that no field needs: control and format characters, lone surrogates, line separators."""


@dataclass(frozen=True)
class Field:
    """One field of an interface, in the caller's spelling.

    `name`: on the wire. `label`: the interface's Chinese name. `required`: as the document's table says it. `rule`: in
    Chinese, for the table. `pattern`: what the whole trimmed text must match, where that says it all.
    """

    name: str
    label: str
    example: str
    required: str = "是"
    rule: str = ""
    pattern: str = ""
    chars_max: int = TEXT_CHARS_MAX

    @property
    def title(self) -> str:
        """Both spellings, as messages name it."""
        return f"{self.label}({self.name})"

    @property
    def is_required(self) -> bool:
        return self.required == "是"

    def read(self, fields: Fields) -> str | None:
        """The trimmed text, None where absent, null or blank. Raises `PaymentError` INVALID_FIELD."""
        value = fields.get(self.name)
        if value is None:
            return None
        if value is REPEATED:
            raise self.invalid("重复出现")
        if not isinstance(value, str):
            raise self.invalid("必须是字符串或数字")
        # A plain str: a `Number` would travel on as one.
        text = str(value).strip()
        self._check(text)
        return text or None

    def demand(self, fields: Fields) -> str:
        """The trimmed text. Raises `PaymentError` MISSING_FIELD, INVALID_FIELD."""
        text = self.read(fields)
        if text is None:
            raise self.missing()
        return text

    def missing(self) -> PaymentError:
        return PaymentError(ErrorCode.MISSING_FIELD, f"{self.title}不能为空")

    def invalid(self, reason: str) -> PaymentError:
        """`reason` says what is wrong without the value: it may be a person's."""
        return PaymentError(ErrorCode.INVALID_FIELD, f"{self.title}{reason}")

    def _check(self, text: str) -> None:
        if len(text) > self.chars_max:
            raise self.invalid(f"不能超过{self.chars_max}个字符")
        if any(unicodedata.category(char) in _INVISIBLE for char in text):
            raise self.invalid("含有不可见字符")
        if text and self.pattern and not re.fullmatch(self.pattern, text, re.ASCII):
            raise self.invalid(f"格式不正确: {self.rule}")


def unknown_names(fields: Fields, table: Sequence[Field]) -> list[str]:
    """The keys that no field has, for the log: a few. What is no field's name at all may be a person's, and is `?`."""
    known = {field.name for field in table}
    return [name if _FIELD_NAME.fullmatch(name) else "?" for name in fields if name not in known][:20]


def json_schema(table: Sequence[Field]) -> dict[str, Any]:
    """The table as OpenAPI's JSON schema. A scalar may be a string or a number."""
    return {
        "type": "object",
        "required": [field.name for field in table if field.is_required],
        "properties": {field.name: _property_schema(field) for field in table},
    }


def markdown(table: Sequence[Field]) -> str:
    """The table as an integrator reads it."""
    head = "| 字段 | 含义 | 必填 | 规则 |\n|---|---|---|---|"
    rows = [f"| `{field.name}` | {field.label} | {field.required} | {_cell(field.rule)} |" for field in table]
    return "\n".join([head, *rows])


def example(table: Sequence[Field], **other: str) -> dict[str, str]:
    """A call with every field that has an example; `other` replaces some, and an empty text leaves one out."""
    values = {field.name: other.get(field.name, field.example) for field in table}
    return {name: value for name, value in values.items() if value}


def _property_schema(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": ["string", "number"],
        "title": field.label,
        "description": field.rule,
        "maxLength": field.chars_max,
    }
    if field.pattern:
        schema["pattern"] = f"^\\s*{field.pattern}\\s*$"
    return schema


def _cell(text: str) -> str:
    return text.replace("|", "&#124;")  # Swagger's Markdown knows no escaped bar in a table
