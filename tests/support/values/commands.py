"""People's commands, as the API makes them: each with a number of its own, for ten minutes."""

import uuid
from datetime import UTC, datetime
from typing import Any

from domain.reviews import COMMAND_SERVES, Approval, Proposal, ReviewAction


def proposal(action: ReviewAction, by: str = "op", now: datetime | None = None, **more: Any) -> Proposal:
    """`now`: by the clock of the test's server."""
    return Proposal(**_command(by, now), **({"action": action, "reason": "已核实"} | more))


def approval(action: ReviewAction, of: str, by: str = "boss", now: datetime | None = None, **more: Any) -> Approval:
    """`of`: the id of the proposal."""
    return Approval(**(_command(by, now) | {"action": action, "proposal": of} | more))


def _command(by: str, now: datetime | None) -> dict[str, Any]:
    return {"by": by, "number": uuid.uuid4().hex, "expires_at": (now or datetime.now(UTC)) + COMMAND_SERVES}
