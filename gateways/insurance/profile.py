"""Centre profiles: everything in which the centres of provinces differ (protocol 3)."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.errors import Transaction
from domain.orders import CashRefundedBy
from domain.values.identity import Document, document_of
from gateways.insurance.canonical import Numbers
from security.tls import TlsFiles

DEFAULT_PATHS: Mapping[str, str] = {
    Transaction.UPLOAD_FEES: "/org/local/api/hos/uldFeeInfo",
    Transaction.PLACE_ORDER: "/org/local/api/hos/pay_order",
    Transaction.REFUND: "/org/local/api/hos/refund_Order",
    Transaction.QUERY_ORDER: "/org/local/api/hos/query_order_info",
    Transaction.REVOKE_ORDER: "/org/local/api/hos/revoke_order",
}
DEFAULT_TIMEOUT_S = 20.0
DEFAULT_ID_TYPES: Mapping[Document, str] = {Document.RESIDENT_IDENTITY_CARD: "01"}


class CentreForm(BaseModel):
    """What both sides of a connection must agree on: the form of envelopes and the paths of transactions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = "2.0.1"
    timestamp: Literal["datetime", "epoch_ms", "epoch_s"] = "datetime"
    numbers: Numbers = "string"
    enc_hex: Literal["upper", "lower"] = "upper"
    sm2_user_id: str = "1234567812345678"
    reversal_token_field: Literal["ecToken", "payAuthNo", "revsToken"] = Field(default="ecToken")
    cash_refunded_by: CashRefundedBy = CashRefundedBy.CENTRE
    paths: dict[str, str] = Field(default_factory=dict)
    id_types: dict[Document, str] = Field(default_factory=lambda: dict(DEFAULT_ID_TYPES))
    """idType by document. Only that of the identity card is known; a document without one is not served."""

    @field_validator("id_types")
    @classmethod
    def _with_the_known(cls, id_types: dict[Document, str]) -> dict[Document, str]:
        return {**DEFAULT_ID_TYPES, **id_types}

    def id_type(self, id_no: str) -> str | None:
        """idType of a number's document; None if it is not served."""
        return self.id_types.get(document_of(id_no))

    def path(self, transaction: str) -> str:
        return self.paths.get(transaction, DEFAULT_PATHS[transaction])


class CentreProfile(CentreForm):
    """A `[centres.NAME]` of the hospitals file. `platform_public_key`: the centre's, base64 of 64 or 65 bytes."""

    url: str
    platform_public_key: str
    busy_codes: tuple[str, ...] = ()
    upload_fields: dict[str, str] = Field(default_factory=dict)
    """Constants in 6201 that are different or additional in this province, such as feeType or pubHospRfomFlag."""
    timeouts_s: dict[str, float] = Field(default_factory=dict)
    tls: TlsFiles | None = None
    """For an https:// `url`: the authority to trust instead of the machine's own list, and our client certificate."""

    def timeout_s(self, transaction: str) -> float:
        """The limit of one call including its connection, in seconds."""
        return self.timeouts_s.get(transaction, DEFAULT_TIMEOUT_S)


class HospitalAccount(BaseModel):
    """A hospital's account at its centre. `private_key`: base64 of 32 bytes (or 33 with a leading 00)."""

    model_config = ConfigDict(frozen=True)

    org_codg: str
    app_id: str
    app_secret: str = Field(repr=False)
    private_key: str = Field(repr=False)

    @property
    def account(self) -> str:
        """A digest of appId and orgCodg: hospitals for which it is equal share their numbers at the centre."""
        return sha256(f"{self.app_id}\n{self.org_codg}".encode()).hexdigest()
