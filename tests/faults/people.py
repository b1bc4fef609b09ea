"""People who look at a case of the review queue and decide it, over HTTP."""

from typing import Any

from tests.support.stack.api_server import Answer
from tests.support.stack.running import Call, Stack, data_of

REVIEWS = "/api/v1/reviews"


def key_of(stack: Stack, person: str) -> str:
    return stack.embedded.person_key_files[person].read_text(encoding="utf-8").strip()


async def shown(stack: Stack, number: str) -> Any:  # noqa: ANN401 - JSON
    return data_of(await stack.api.call("GET", f"{REVIEWS}/{number}", key=key_of(stack, "operator")))


async def proposed(stack: Stack, number: str, action: str, by: str = "operator", **more: str) -> Answer:
    wish: Call = {"action": action, "reason": "已与医院财务核实", **more}
    return await stack.answered(f"{REVIEWS}/{number}/proposals", wish, key=key_of(stack, by))


async def approved(stack: Stack, number: str, action: str, by: str = "approver") -> Answer:
    """Asked again while it is under way, as a proposal is: the same one is answered once it is done."""
    return await stack.answered(f"{REVIEWS}/{number}/approvals", {"action": action}, key=key_of(stack, by))
