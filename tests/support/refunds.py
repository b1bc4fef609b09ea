"""Refunds through the API, on a stack whose every part is real."""

import itertools
from collections.abc import Mapping
from typing import Any

from tests.support.api_server import Answer
from tests.support.eventually import eventually
from tests.support.stack import Call, Stack, data_of, outpatient_call

AUTH_MARKER = "RFDAUTHMARKER"
_SERIALS = itertools.count(1_000)


def refund_call(refund_no: str, **changes: object) -> Call:
    """A refund of everything; a change of None leaves a field out."""
    fields: Call = {"refundNo": refund_no, "type": "ALL", "payAuthNo": f"{AUTH_MARKER}-{refund_no}", "reason": "退药"}
    return {name: value for name, value in (fields | changes).items() if value is not None}


def refunds_of(number: str, refund_no: str = "") -> str:
    path = f"/api/v1/payments/{number}/refunds"
    return f"{path}/{refund_no}" if refund_no else path


async def settled(stack: Stack, number: str) -> Call:
    """A bill of 10.00 that is paid, and booked in HIS: 2.00 cash, 2.00 account, 6.00 fund."""
    order = outpatient_call(number, ORDER_ID=f"9{next(_SERIALS)}00999", TOTAL="10.00")
    await stack.settled(order, await stack.paid(order))
    return order


async def refund(stack: Stack, number: str, refund_no: str, **changes: object) -> Answer:
    """One refund, asked for until it is answered. payAuthNo serves one order only."""
    facts = {"payAuthNo": f"{AUTH_MARKER}-{number}-{refund_no}"} | changes
    return await stack.answered(refunds_of(number), refund_call(refund_no, **facts))


async def refunded(stack: Stack, number: str, refund_no: str, **changes: object) -> Mapping[str, str]:
    """DATA of a refund that must succeed."""
    return data_of(await refund(stack, number, refund_no, **changes))


async def shown(stack: Stack, number: str) -> Mapping[str, Any]:
    """The payment's view."""
    view: Mapping[str, Any] = (await stack.api.call("GET", f"/api/v1/payments/{number}")).json["DATA"]
    return view


async def at_centre(stack: Stack, number: str) -> tuple[int, list[str]]:
    """The order's ordStas, and the totals that the centre gave back."""
    (order,) = await stack.others.centre_orders(number)
    return order["ordStas"], [back["amounts"]["totlRefdAmt"] for back in order["refunds"]]


async def sent(stack: Stack, number: str) -> list[str | None]:
    """What became of each 6203 that reached the centre."""
    return [call["verdict"] for call in await stack.others.centre_calls(number) if call["txn"] == "6203"]


async def told_his(stack: Stack, number: str, times: int) -> None:
    """Wait until HIS knows of as many refunds."""

    async def told() -> bool:
        return [bool(one["hisToldAt"]) for one in (await shown(stack, number))["refunds"]].count(True) == times

    await eventually(told, within_s=30)
