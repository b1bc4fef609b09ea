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


class Transaction(StrEnum):
    """What is asked of the centre (protocol 3.2) and of HIS (docs/his-port.md), by its word in records and logs."""

    UPLOAD_FEES = "6201"
    PLACE_ORDER = "6202"
    REFUND = "6203"
    QUERY_ORDER = "6301"
    REVOKE_ORDER = "6401"
    PATIENT = "patient"
    REGISTRATION_FEES = "registration_fees"
    PRESCRIPTION_FEES = "prescription_fees"
    VISIT = "visit"
    REGISTER = "register"
    REGISTRATION_QUERY = "registration_query"
    SETTLE = "settle"
    SETTLEMENT_QUERY = "settlement_query"
    CANCEL_REGISTRATION = "cancel_registration"
    TELL_REFUND = "refund"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class RemoteCallError(Exception):
    """A remote call that did not end as done.

    `transaction`: a `Transaction`'s word, or what else was asked of another side. `message`: fit to be shown to the
    caller, without personal data or secrets.
    """

    outcome: Outcome

    def __init__(self, transaction: str, message: str) -> None:
        super().__init__(f"{transaction} {self.outcome}: {message}")
        self.transaction = transaction
        self.message = message


class Refused(RemoteCallError):
    """The other side said no. Never repeat it. `reason` is its machine-readable reason where it gave one.

    `confirmed` is False for an unsigned refusal: where money may have moved, ask before believing it (protocol 3.1).
    """

    outcome = Outcome.REFUSED

    def __init__(self, transaction: str, message: str, reason: str = "", *, confirmed: bool = True) -> None:
        super().__init__(transaction, message)
        self.reason = reason
        self.confirmed = confirmed


class NotSent(RemoteCallError):
    """The request did not leave us (no connection): safe to repeat."""

    outcome = Outcome.NOT_SENT


class Unknown(RemoteCallError):
    """It may have happened: ask before acting."""

    outcome = Outcome.UNKNOWN
