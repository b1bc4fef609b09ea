"""People who look at a case of the review queue and decide it, over HTTP."""

from typing import Any

from tests.support.stack.api_server import Answer
from tests.support.stack.running import Call, Stack, data_of

REVIEWS = "/api/v1/reviews"


def key_of(stack: Stack, person: str) -> str:
    return stack.embedded.person_key_files[person].read_text(encoding="utf-8").strip()


async def shown(stack: Stack, number: str, **query: str) -> Any:  # noqa: ANN401 - JSON
    path = f"{REVIEWS}/{number}"
    return data_of(await stack.api.call("GET", path, key=key_of(stack, "operator"), params=query))


async def proposed(stack: Stack, number: str, action: str, by: str = "operator", **more: str) -> Answer:
    wish: Call = {"action": action, "reason": "已与医院财务核实", **more}
    return await stack.answered(f"{REVIEWS}/{number}/proposals", wish, key=key_of(stack, by))


async def approved(stack: Stack, number: str, proposal: Answer, by: str = "approver", **more: str) -> Answer:
    """What `proposal` answered. Asked again while it is under way: the same approval is answered once it is done."""
    word = {"proposal": proposal.json["DATA"]["proposal"], **more}
    return await stack.answered(f"{REVIEWS}/{number}/approvals", word, key=key_of(stack, by))
