"""The log of access as a test reads it."""

import json
from dataclasses import dataclass
from typing import Any

from security.access_log import ChainCheck
from storage.session import Database


@dataclass(frozen=True)
class Recorded:
    event: str
    who: tuple[str, str, str]
    """Hospital, actor, role."""
    subject: str
    details: dict[str, Any]


async def recorded(database: Database) -> list[Recorded]:
    """Every record, of a chain that is whole."""
    check, found = ChainCheck(), []
    async with database.read() as unit:
        async for link, digest in unit.access.records():
            assert check.broken_by(link, digest) is None
            who = (link.hospital, link.actor, link.role)
            found.append(Recorded(link.event, who, link.subject, json.loads(link.details)))
    return found
