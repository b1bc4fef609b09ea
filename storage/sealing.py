"""Which columns are sealed, and to which place: a sealed text opens only in its own row and column."""

from collections.abc import Mapping
from typing import Any

from domain.base import PaymentKey
from security.crypto.keyring import Keyring

SUFFIX = "_sealed"
ERASED = ""
"""What stands in a sealed column that must have a value, once its secret is deleted."""

SEALED = frozenset(
    {
        "id_no",
        "insured_name",
        "patient_name",
        "pay_auth_no",
        "pay_token",
        "revs_token",
        "si_personal_no",
        "uld_latlnt",
    }
)


class RowSeal:
    """Seals and opens the secrets of one payment's rows, or of its one refund `refund_no`."""

    def __init__(self, keyring: Keyring, key: PaymentKey, refund_no: str = "") -> None:
        self._keyring = keyring
        self._place = "/".join(filter(None, (key.hospital, key.med_org_ord, refund_no)))

    def columns(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Column values for `values`, with each secret under its `…_sealed` column. Nothing is sealed as nothing."""
        return dict(self._column(name, value) for name, value in values.items())

    def values(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """The reverse of `columns`. Raises `security.crypto.keyring.SealBrokenError`."""
        return dict(self._value(name, value) for name, value in columns.items())

    def _column(self, name: str, value: Any) -> tuple[str, Any]:  # noqa: ANN401 - a column's own type
        if name not in SEALED:
            return name, value
        return f"{name}{SUFFIX}", self._keyring.seal(value, self._context(name)) if value else None

    def _value(self, column: str, value: Any) -> tuple[str, Any]:  # noqa: ANN401 - a column's own type
        name = column.removesuffix(SUFFIX)
        if name == column:
            return column, value
        return name, self._keyring.open(value, self._context(name)) if value else value

    def _context(self, name: str) -> str:
        return f"{self._place}/{name}"
