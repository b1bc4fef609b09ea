"""Every remote call ends in one of four ways (product rule 4); three of them are exceptions here."""

from enum import StrEnum


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class RemoteCallError(Exception):
    """A remote call that did not end as done.

    `transaction`: 6201 … 6401 at the centre, the operation's name at HIS. `message`: fit to be shown to the caller,
    without personal data or secrets.
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
