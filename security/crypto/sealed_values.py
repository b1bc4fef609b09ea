"""Converts values to payloads that say what they are, and takes back only what our keys have sealed as just that.

A payload's `kind` is the class of its value. It is inside the seal, and whoever reads the payload knows which class
belongs in that place: a start, an update's argument, a step's, a step's result. So a sealed payload fits no place but
its own, and an unsealed one fits none at all (docs/decisions/payload-binding.md).
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, NoReturn, Protocol, Self, TypeVar, runtime_checkable

from pydantic import BaseModel, TypeAdapter
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import ActivitySerializationContext, SerializationContext, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from security.crypto.gcm import SealBrokenError

T = TypeVar("T")

KIND = "kind"
"""Metadata key of the class of the value, inside the seal."""

ENCODING = "encoding"
_REFUSED = b"medpay/refused"
_WHY = "why"

NOT_SEALED = "NOT_SEALED"
"""Type of the failure that something in a history was not sealed by us for that place."""


class Why(StrEnum):
    """Why a payload was refused."""

    UNSEALED = "unsealed"
    """It is plain. Anybody who reaches Temporal can write such a payload."""
    MOVED = "moved"
    """It was sealed for another workflow."""
    BROKEN = "broken"
    """Its seal does not hold: it was changed, or sealed with another key of the same id."""
    UNKNOWN_KEY = "unknown_key"
    """It was sealed with a key that is not in the keyring, or not yet."""
    MISPLACED = "misplaced"
    """It was sealed by us, but for another place in this workflow."""


class NotSealedError(ApplicationError):
    """A payload is none of ours, or belongs elsewhere. The text names the place, nothing else."""

    def __init__(self, what: str, why: Why) -> None:
        super().__init__(what, type=NOT_SEALED, non_retryable=True)
        self.why = why


@dataclass(frozen=True)
class NotSealed:
    """What stands in a failure in the place of a detail that we did not seal."""

    why: Why


@dataclass(frozen=True)
class Unread:
    """A detail of a failure, sealed by us. A failure does not say what its details are: its reader must."""

    kind: str
    data: bytes

    def read(self, kind: type[T]) -> T | None:
        """The value; None if it is of another kind."""
        return TypeAdapter(kind).validate_json(self.data) if self.kind == kind_of(kind) else None


def detail_of(error: BaseException, kind: type[T]) -> T | None:
    """What we sealed into a failure; None if it holds nothing of this kind from us."""
    details = error.details if isinstance(error, ApplicationError) else ()
    found = (detail.read(kind) for detail in details if isinstance(detail, Unread))
    return next((value for value in found if value is not None), None)


@runtime_checkable
class Replaceable(Protocol):
    """A class with a value that stands for one that was refused: the reader can do without."""

    @classmethod
    def in_place_of_refused(cls) -> Self:
        """That value."""


def kind_of(cls: type[Any] | None) -> str:
    """The kind of the values of this class. Raises AssertionError for what is no class, such as a union."""
    if cls is None:
        return "NoneType"
    if not isinstance(cls, type):
        raise AssertionError(f"{cls} is not a class, and nobody could tell what was sealed for it")
    origin = cls.__pydantic_generic_metadata__["origin"] if issubclass(cls, BaseModel) else None
    return (origin or cls).__name__


def refused(why: Why, what: str) -> Payload:
    """What stands in the place of a payload. `what`: why in words, without any content."""
    return Payload(metadata={ENCODING: _REFUSED, _WHY: why.encode()}, data=what.encode())


def is_refused(payload: Payload) -> bool:
    """Whether it stands in the place of a refused one. Nothing that comes from outside is: the codec sees to that."""
    return payload.metadata.get(ENCODING) == _REFUSED


def kind_in(payload: Payload) -> str:
    """The kind that an opened payload says it is of."""
    return payload.metadata.get(KIND, b"").decode("utf-8", "replace")


Report = Callable[[str, Why], None]
"""Told of each refused payload: the workflow in which it was found, and why."""


def to_nobody(_workflow_id: str, _why: Why) -> None:
    """Of a process that only reads what it asked for, and is told by an error."""


class SealedValues(PydanticPayloadConverter):
    """Pydantic's JSON, with each value's kind. Of a process that reports nothing; `reporting` makes the others."""

    report: ClassVar[Report] = staticmethod(to_nobody)
    workflow_id = ""

    def with_context(self, context: SerializationContext) -> Self:
        """The same, for a report that names its workflow."""
        bound = copy(self)
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            bound.workflow_id = context.workflow_id or ""
        return bound

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        payloads = super().to_payloads(values)
        for value, payload in zip(values, payloads, strict=True):
            payload.metadata[KIND] = kind_of(type(value)).encode()
        return payloads

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Raises `NotSealedError`; `SealBrokenError` for a key that is missing."""
        hints: Sequence[type | None] = type_hints or [None] * len(payloads)
        return [self._value(payload, hint) for payload, hint in zip(payloads, hints, strict=True)]

    def _value(self, payload: Payload, hint: type | None) -> Any:  # noqa: ANN401 - as the SDK's
        if hint is None:
            return self._unread(payload)
        why = _why_not(payload, hint)
        if why is None:
            return super().from_payloads([payload], [hint])[0]
        if why is Why.MISPLACED:
            type(self).report(self.workflow_id, why)
        if why is Why.UNKNOWN_KEY or not isinstance(hint, Replaceable):
            _refuse(payload, why, hint)
        return hint.in_place_of_refused()

    def _unread(self, payload: Payload) -> Any:  # noqa: ANN401 - as the SDK's
        """Of failures: their message and stack trace, which the SDK wants as a plain `dict`, and their details."""
        if is_refused(payload):
            return NotSealed(Why(payload.metadata[_WHY].decode()))
        kind = kind_in(payload)
        if kind == dict.__name__:
            return super().from_payloads([payload])[0]
        return Unread(kind, payload.data)


def reporting(report: Report) -> type[SealedValues]:
    """The class of a converter that reports. The SDK makes its own objects of it, wherever it needs one."""

    class Reporting(SealedValues):
        """Of this report."""

    Reporting.report = staticmethod(report)
    return Reporting


def _why_not(payload: Payload, hint: type) -> Why | None:
    if is_refused(payload):
        return Why(payload.metadata[_WHY].decode())
    return None if kind_in(payload) == kind_of(hint) else Why.MISPLACED


def _refuse(payload: Payload, why: Why, hint: type) -> NoReturn:
    what = payload.data.decode() if is_refused(payload) else f"a {kind_in(payload)[:64]!r} in its place"
    if why is Why.UNKNOWN_KEY:
        raise SealBrokenError(what)
    raise NotSealedError(f"not a {kind_of(hint)} sealed by us: {what}", why)
