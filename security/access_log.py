"""The access log: who read what, who was refused, who used a key, as a chain of records without personal data.

Each record carries the SM3 digest of the previous one, so that changing, removing, inserting or moving a record breaks
the chain there. The chain can't detect a log rewritten from its first record on or truncated at its end: for that, its
head is kept elsewhere (docs/audit-log.md).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.hashes import SM3, Hash

OS_USER = "os-user"
"""The role of someone at the command line: the operating system vouches for the name, not a key."""


class AccessEvent(StrEnum):
    """`source:subject:action`. A name that was ever written is never reused for anything else."""

    CODEC_PAYLOAD_DECODED = "codec:payload:decoded"
    CODEC_PAYLOAD_REFUSED = "codec:payload:refused"
    CODEC_SESSION_OPENED = "codec:session:opened"
    CODEC_SESSION_CLOSED = "codec:session:closed"
    API_KEY_REFUSED = "api:key:refused"
    API_PAYMENT_READ = "api:payment:read"
    API_PAYMENT_LISTED = "api:payment:listed"
    API_PAYMENT_CANCELLED = "api:payment:cancelled"
    API_PAYMENT_RECHECKED = "api:payment:rechecked"
    API_REFUND_READ = "api:refund:read"
    API_REFUND_REQUESTED = "api:refund:requested"
    API_REVIEW_LISTED = "api:review:listed"
    API_REVIEW_READ = "api:review:read"
    API_REVIEW_PROPOSED = "api:review:proposed"
    API_REVIEW_APPROVED = "api:review:approved"
    TEMPORAL_PAYLOAD_REFUSED = "temporal:payload:refused"
    CLI_PAYMENT_SHOWN = "cli:payment:shown"
    CLI_PAYMENT_LISTED = "cli:payment:listed"
    CLI_HISTORY_EXPORTED = "cli:history:exported"
    CLI_NOTIFICATION_LISTED = "cli:notification:listed"
    CLI_NOTIFICATION_REPLAYED = "cli:notification:replayed"
    CLI_KEY_MADE = "cli:key:made"
    CLI_KEY_ROTATED = "cli:key:rotated"
    CLI_KEY_REMOVED = "cli:key:removed"


@dataclass(frozen=True)
class Access:
    """One access. `actor`: a key's name, an OS user, or the address that a refused call came from.

    `subject`: the workflow's id, empty if the access is about several or none. `details`: plain JSON.
    """

    event: AccessEvent
    hospital: str
    actor: str
    role: str
    subject: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


GENESIS = "0" * 64
"""The previous digest of the first record."""

FIRST_SEQUENCE = 1
HEAD_PATTERN = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Link:
    """A record's contents. All but its number is text, so that what is digested is stored byte for byte.

    `at`: ISO 8601 in UTC with microseconds. `details`: JSON as `json_text` writes it.
    """

    sequence: int
    at: str
    event: str
    hospital: str
    actor: str
    role: str
    subject: str
    details: str
    previous: str


@dataclass(frozen=True)
class Head:
    """The last record's number and digest; 0 and `GENESIS` if the log is empty."""

    sequence: int
    digest: str


EMPTY = Head(FIRST_SEQUENCE - 1, GENESIS)


@dataclass(frozen=True)
class Break:
    """The first record that does not follow from those before it."""

    sequence: int
    why: str


def json_text(value: Mapping[str, Any]) -> str:
    """JSON in one canonical form: keys sorted, no spaces, ASCII."""
    # A value that a forger made unserialisable, such as bytes, must show as a difference, not as a crash.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=repr)


def digest_of(link: Link) -> str:
    """SM3, in hex, of the record as a JSON object, including the previous digest."""
    sm3 = Hash(SM3())
    sm3.update(json_text(asdict(link)).encode("ascii"))
    return sm3.finalize().hex()


class ChainCheck:
    """Verifies records one by one, in the order of their numbers."""

    def __init__(self) -> None:
        self.head = EMPTY

    def broken_by(self, link: Link, digest: str) -> Break | None:
        """Why the record does not follow from those before it; None if it does."""
        expected = self.head.sequence + 1
        if link.sequence != expected:
            return Break(link.sequence, f"record {expected} is missing, or was moved or removed")
        if digest_of(link) != digest:
            return Break(link.sequence, "its contents are not those that were digested when it was written")
        if link.previous != self.head.digest:
            return Break(link.sequence, "it does not follow the record before it: one was changed, inserted or removed")
        self.head = Head(link.sequence, digest)
        return None
