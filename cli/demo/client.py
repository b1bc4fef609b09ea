"""The demo's HTTP client: acts as the official-account backend at our API, and controls the simulators."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from cli.stack.embedded import EmbeddedStack

ANSWER_S_MAX = 45.0
CALL_S_MAX = 30.0
REPEAT_S_MAX = 2.0
LOOK_EVERY_S = 0.2
OPEN = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.TOO_MANY_REQUESTS})
"""No answer yet: the call is to be repeated."""
Answer = dict[str, Any]


class DemoClient:
    """Calls by HTTP only, as a hospital's systems would."""

    def __init__(self, stack: EmbeddedStack, session: aiohttp.ClientSession) -> None:
        self._stack = stack
        self._session = session

    async def pre_settle(self, fields: Mapping[str, str]) -> Answer:
        """Interface 1, repeated while it answers 202 or 429."""
        return await self._until_answered("insurance/pre-settle", fields)

    async def settle(self, fields: Mapping[str, str]) -> Answer:
        """Interface 2, repeated while it answers 202 or 429."""
        return await self._until_answered("insurance/settle", fields)

    async def refund(self, med_org_ord: str, fields: Mapping[str, str], by: str = "") -> Answer:
        """6203 through our API, repeated while it answers 202 or 429. `by`: the operator, who only proposes it."""
        return await self._until_answered(f"payments/{med_org_ord}/refunds", fields, by)

    async def propose(self, med_org_ord: str, action: str, by: str) -> Answer:
        """Propose an action for a payment under review. `by`: operator or approver."""
        fields = {"action": action, "reason": "已与医保中心核对"}
        return await self._until_answered(f"reviews/{med_org_ord}/proposals", fields, by)

    async def approve(self, med_org_ord: str, proposed: Answer, by: str, refund_no: str = "") -> Answer:
        """Approve what `proposed` answered, as a second person, repeated while it answers 202 or 429."""
        fields = {"proposal": proposed["DATA"]["proposal"], "refundNo": refund_no}
        return await self._until_answered(f"reviews/{med_org_ord}/approvals", fields, by)

    async def state(self, med_org_ord: str) -> str:
        """The payment's state as our API shows it."""
        url = f"{self._stack.api_url}/api/v1/payments/{med_org_ord}"
        async with self._session.get(url, headers=self._key) as response:
            body = await response.json()
        return str((body.get("DATA") or {}).get("state", body.get("MSG")))

    async def until_state(self, med_org_ord: str, state: str) -> None:
        """Wait until the payment has reached `state`. Raises TimeoutError."""
        async with asyncio.timeout(ANSWER_S_MAX):
            while True:
                if await self.state(med_org_ord) == state:
                    return
                await asyncio.sleep(LOOK_EVERY_S)

    async def patient_pays(self, pay_ord_id: str, *, notify: bool = False) -> None:
        """The patient confirms in the channel and the centre settles. `notify`: whether it sends us a 6302."""
        await self._post(
            f"{self._stack.insurance_url}/_sim/orders/{pay_ord_id}/pay", {"outcome": "paid", "notify": notify}
        )

    async def break_centre(self, **fault: Any) -> None:
        await self._post(f"{self._stack.insurance_url}/_sim/faults", fault)

    async def break_his(self, **fault: Any) -> None:
        await self._post(f"{self._stack.his_url}/_sim/faults", fault)

    async def repair(self) -> None:
        """Clear every injected fault."""
        for url in (self._stack.insurance_url, self._stack.his_url):
            async with self._session.delete(f"{url}/_sim/faults") as response:
                response.raise_for_status()

    async def centre_orders(self, med_org_ord: str) -> list[Answer]:
        return await self._list(f"{self._stack.insurance_url}/_sim/orders", med_org_ord)

    async def ord_stas(self, med_org_ord: str) -> list[int]:
        """The ordStas of each order at the centre for this medOrgOrd."""
        return [order["ordStas"] for order in await self.centre_orders(med_org_ord)]

    async def centre_calls(self, med_org_ord: str) -> list[Answer]:
        return await self._list(f"{self._stack.insurance_url}/_sim/calls", med_org_ord)

    async def his_settlements(self, med_org_ord: str) -> list[Answer]:
        return await self._list(f"{self._stack.his_url}/_sim/settlements", med_org_ord)

    async def his_registrations(self, med_org_ord: str) -> list[Answer]:
        return await self._list(f"{self._stack.his_url}/_sim/registrations", med_org_ord)

    @property
    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._stack.settings.api_key}"}

    def _key_of(self, person: str) -> dict[str, str]:
        key = self._stack.person_key_files[person].read_text(encoding="utf-8").strip()
        return {"Authorization": f"Bearer {key}"}

    async def _until_answered(self, path: str, fields: Mapping[str, str], by: str = "") -> Answer:
        url = f"{self._stack.api_url}/api/v1/{path}"
        key = self._key_of(by) if by else self._key
        async with asyncio.timeout(ANSWER_S_MAX):
            while True:
                async with self._session.post(url, json=dict(fields), headers=key) as response:
                    body: Answer = await response.json()
                    if response.status not in OPEN or body["CODE"] == 0:
                        return {**body, "reason": response.headers.get("X-Error-Code", "")}
                    wait_s = float(response.headers.get("Retry-After", REPEAT_S_MAX))
                await asyncio.sleep(min(wait_s, REPEAT_S_MAX))

    async def _post(self, url: str, body: Answer) -> None:
        async with self._session.post(url, json=body) as response:
            response.raise_for_status()

    async def _list(self, url: str, med_org_ord: str) -> list[Answer]:
        async with self._session.get(url, params={"medOrgOrd": med_org_ord}) as response:
            response.raise_for_status()
            items: list[Answer] = await response.json()
            return items


def new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_S_MAX))
