"""The log of access: who looked at what, who was refused, who used a key, and the chain under it. Never personal data.

Each record carries the SM3 digest of the one before. One that is changed, removed, inserted or moved breaks the chain
at its place. What the chain can't see is a log that somebody wrote anew from the first record on, or cut off at its
end: for that, its head is kept elsewhere (docs/audit-log.md).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.hashes import SM3, Hash

OS_USER = "os-user"
"""The role of somebody at the command line: the operating system vouches for the name, no key does."""


class AccessEvent(StrEnum):
    """`source:subject:action`. A name, once written, is never used for anything else."""

    CODEC_PAYLOAD_DECODED = "codec:payload:decoded"
    CODEC_PAYLOAD_REFUSED = "codec:payload:refused"
    CODEC_SESSION_OPENED = "codec:session:opened"
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

    `subject`: the workflow's or payment's id, empty where it is about several or none. `details`: plain JSON.
    """

    event: AccessEvent
    hospital: str
    actor: str
    role: str
    subject: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


GENESIS = "0" * 64
"""What the first record carries in place of a digest before it."""

FIRST_SEQUENCE = 1
HEAD_PATTERN = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Link:
    """A record's contents. All are text but its number, so that what is digested is what is stored, byte for byte.

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
    """The last record's number and digest. Of an empty log: 0 and `GENESIS`."""

    sequence: int
    digest: str


EMPTY = Head(FIRST_SEQUENCE - 1, GENESIS)


@dataclass(frozen=True)
class Break:
    """The first record that does not follow from those before it."""

    sequence: int
    why: str


def json_text(value: Mapping[str, Any]) -> str:
    """The one text of a JSON object: keys sorted, no spaces, ASCII."""
    # What a forger put in place of a text, such as bytes, must come out as a difference, not as a failure.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=repr)


def digest_of(link: Link) -> str:
    """SM3 over the record as one JSON object, the previous digest included; in hex."""
    sm3 = Hash(SM3())
    sm3.update(json_text(asdict(link)).encode("ascii"))
    return sm3.finalize().hex()


class ChainCheck:
    """Takes records in the order of their numbers and tells the first that breaks the chain."""

    def __init__(self) -> None:
        self.head = EMPTY

    def broken_by(self, link: Link, digest: str) -> Break | None:
        """None if the record follows from those before it."""
        expected = self.head.sequence + 1
        if link.sequence != expected:
            return Break(link.sequence, f"record {expected} is missing, or was moved or removed")
        if digest_of(link) != digest:
            return Break(link.sequence, "its contents are not those that were digested when it was written")
        if link.previous != self.head.digest:
            return Break(link.sequence, "it does not follow the record before it: one was changed, inserted or removed")
        self.head = Head(link.sequence, digest)
        return None
