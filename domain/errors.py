"""Error codes (`X-Error-Code`), and the exceptions of business answers and remote calls."""

from enum import StrEnum

from domain.base import Frozen


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
"""An operator's note: 6201 may have arrived, but its payOrdId is lost. Nothing can be paid, nothing revoked."""


class PaymentError(Exception):
    """A business failure. `message` is Chinese, meant for the caller, without secrets or personal data."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class ToldRefusal(Frozen):
    """A workflow's refusal of an update, as its sender may believe it. `update_id`: the update that it answers.

    `begun_by`: the call that began the update. None: a validator's refusal, which leaves no update.
    """

    code: ErrorCode
    message: str
    update_id: str
    begun_by: str | None = None


class Transaction(StrEnum):
    """Transactions of the centre (protocol 3.2) and of HIS (docs/his-port.md), as named in records and logs."""

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
    """A remote call that was not done.

    `transaction`: a `Transaction`, or the name of another kind of call. `message`: may be shown to the caller, without
    personal data or secrets. `retry_after_s`: when it is worth trying again, in seconds; None: not known.
    """

    outcome: Outcome

    def __init__(self, transaction: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{transaction} {self.outcome}: {message}")
        self.transaction = transaction
        self.message = message
        self.retry_after_s = retry_after_s


class Refused(RemoteCallError):
    """The other side said no: never repeat the call. `reason` is its machine-readable code, where it gave one.

    `confirmed` is False for an unsigned refusal: where money may have moved, query before trusting it (protocol 3.1).
    """

    outcome = Outcome.REFUSED

    def __init__(self, transaction: str, message: str, reason: str = "", *, confirmed: bool = True) -> None:
        super().__init__(transaction, message)
        self.reason = reason
        self.confirmed = confirmed


class NotSent(RemoteCallError):
    """The request did not leave us (no connection): safe to repeat.

    `retry_after_s`: we held it back ourselves, and before so many seconds it would be held back again.
    """

    outcome = Outcome.NOT_SENT

    def __init__(self, transaction: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(transaction, message)
        self.retry_after_s = retry_after_s


class Unknown(RemoteCallError):
    """It may have happened: query before acting.

    `answered`: a whole HTTP response came that is not a gateway's 502, 503 or 504, so that request is over. Otherwise
    the other side may still be at work on it.
    """

    outcome = Outcome.UNKNOWN

    def __init__(
        self, transaction: str, message: str, *, answered: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(transaction, message, retry_after_s=retry_after_s)
        self.answered = answered
