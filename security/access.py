"""What the log of access knows: who looked at what, who was refused, who used a key. Never personal data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

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
