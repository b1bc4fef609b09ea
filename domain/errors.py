"""The reasons a caller is told (`X-Error-Code`), and the exception that carries one."""

from enum import StrEnum


class ErrorCode(StrEnum):
    INVALID_FIELD = "INVALID_FIELD"
    MISSING_FIELD = "MISSING_FIELD"
    MALFORMED_JSON = "MALFORMED_JSON"
    PATIENT_MISMATCH = "PATIENT_MISMATCH"
    TOTAL_MISMATCH = "TOTAL_MISMATCH"
    BILL_NOT_FOUND = "BILL_NOT_FOUND"
    BILL_ALREADY_PAID = "BILL_ALREADY_PAID"
    ORDER_CONFLICT = "ORDER_CONFLICT"
    INSURANCE_REFUSED = "INSURANCE_REFUSED"
    HIS_REFUSED = "HIS_REFUSED"
    INSURANCE_UNAVAILABLE = "INSURANCE_UNAVAILABLE"
    HIS_UNAVAILABLE = "HIS_UNAVAILABLE"
    AMOUNT_INCONSISTENT = "AMOUNT_INCONSISTENT"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    NOT_PAID = "NOT_PAID"
    NOT_REFUNDABLE = "NOT_REFUNDABLE"
    REFUND_EXCEEDS_PAID = "REFUND_EXCEEDS_PAID"
    REFUND_CONFLICT = "REFUND_CONFLICT"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REVERSED = "REVERSED"
    IN_REVIEW = "IN_REVIEW"
    ACTION_REFUSED = "ACTION_REFUSED"
    PROCESSING = "PROCESSING"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    TOO_LARGE = "TOO_LARGE"
    RATE_LIMITED = "RATE_LIMITED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    UNAVAILABLE = "UNAVAILABLE"


UPLOAD_ORPHANED = "UPLOAD_ORPHANED"
"""A note, not an error: 6201 may have arrived, but its payOrdId can't be had. Nothing payable, nothing to revoke."""


class PaymentError(Exception):
    """A business answer that is no success. `message` is Chinese, for the caller, without secrets or personal data."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
