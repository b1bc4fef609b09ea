"""One payment of each fate for the marked person, with others' words that say too much on the way."""

from dataclasses import dataclass, field
from typing import Any

from tests.leaks import marked
from tests.support.parties.his_simulator import HisSimulator
from tests.support.stack.api_server import PRE_SETTLE, Answer
from tests.support.stack.running import Call, Stack, data_of
from tests.support.waiting import eventually

HYPHENATED, WIDE, GROUPED = marked.ID_NO_WRITTEN
TOO_MUCH = f"患者{marked.NAME_IN_HIS}({marked.ID_NO})的处方已作废, 证件{HYPHENATED}, 个人编号{marked.PSN_NO}"
SPOKEN = f"参保人{marked.NAME_SPOKEN} {marked.ID_NO} 未参保: {WIDE}, {GROUPED}, {marked.PSN_NO}"
REASON = f"已与患者{marked.NAME}（{marked.ID_NO}）核对, 由{marked.NAME_SPOKEN}的家属签字: {HYPHENATED}, {marked.PSN_NO}"


@dataclass
class Story:
    """`numbers`: fate to medOrgOrd."""

    stack: Stack
    his: HisSimulator
    run: str
    numbers: dict[str, str] = field(default_factory=dict)

    async def tell(self) -> None:
        """All fates, the expiring one begun first since it takes its time. Raises AssertionError where one differs."""
        await self.expiring()
        await self.settled()
        await self.refused()
        await self.reversed_()
        await self.refunded()
        await self.reviewed()
        await self.troubled()
        await self.nonsense()
        await self.comes_to("expired", "EXPIRED")

    def call(self, fate: str, **changes: object) -> Call:
        self.numbers[fate] = f"{self.run}{fate}"
        return marked.marked_call(self.numbers[fate], **changes)

    async def comes_to(self, fate: str, state: str) -> None:
        async def is_there() -> bool:
            return await self.stack.state(self.numbers[fate]) == state

        await eventually(is_there)

    async def expiring(self) -> None:
        await self.stack.quoted(self.call("expired"))

    async def settled(self) -> None:
        bill = self.call("settled")
        await self.stack.settled(bill, await self.stack.paid(bill))
        clinic = {"CATEGORY": "1", "ORDER_ID": None, "VISIT_ID": None, "CLINIC_ID": "2970001", "TOTAL": "25.00"}
        registration = self.call("registered", **clinic)
        await self.stack.settled(registration, await self.stack.paid(registration), VISIT_ID=None)

    async def refused(self) -> None:
        for fate, changes in (("name", {"PATIENT_NAME": marked.OTHERS_NAME}), ("total", {"TOTAL": "9.99"})):
            assert (await self.stack.pre_settle(self.call(fate, **changes))).json["CODE"] == -1
        await self.his.fault("prescription_fees", "refuse", message=TOO_MUCH)
        assert (await self.stack.pre_settle(self.call("hisrefused"))).code == "HIS_REFUSED"
        await self.stack.others.break_centre(txn="6201", kind="refuse", times=1, message=SPOKEN)
        assert (await self.stack.pre_settle(self.call("centrerefused"))).code == "INSURANCE_REFUSED"

    async def reversed_(self) -> None:
        bill = self.call("reversed")
        pay_ord_id = await self.stack.paid(bill)
        await self.his.fault("settle", "refuse", -1, message=TOO_MUCH)
        assert (await self.stack.settle(bill, pay_ord_id)).code == "REVERSED"
        await self.his.control("DELETE", "/_sim/faults")

    async def refunded(self) -> None:
        bill = self.call("refunded")
        await self.stack.settled(bill, await self.stack.paid(bill))
        token = marked.auth(f"{self.numbers['refunded']}BACK")
        wish: Call = {"refundNo": f"{self.run}R1", "type": "ALL", "payAuthNo": token, "reason": REASON}
        path = f"/api/v1/payments/{self.numbers['refunded']}/refunds"
        assert data_of(await self.stack.answered(path, wish))["state"] == "REFUNDED"

    async def reviewed(self) -> None:
        bill = self.call("reviewed")
        pay_ord_id = await self.stack.paid(bill)
        await self.stack.others.break_centre(txn="6301", kind="wrong_amount", times=-1)
        assert (await self.stack.settle(bill, pay_ord_id)).code == "IN_REVIEW"
        token = marked.auth(f"{self.numbers['reviewed']}BACK")
        wish: Call = {"action": "REFUND", "reason": REASON, "payAuthNo": token}
        await self.person("operator", f"reviews/{self.numbers['reviewed']}/proposals", wish)
        wish = {"action": "REVERSE", "reason": REASON}
        proposed = await self.person("operator", f"reviews/{self.numbers['reviewed']}/proposals", wish)
        word: Call = {"proposal": data_of(proposed)["proposal"]}
        await self.person("approver", f"reviews/{self.numbers['reviewed']}/approvals", word)
        await self.comes_to("reviewed", "REVERSED")
        await self.stack.others.repair()

    async def troubled(self) -> None:
        """Answers that can't be read, calls that are cut: failures with stack traces, and several attempts."""
        bill = self.call("troubled")
        await self.stack.others.break_centre(txn="6201", kind="garbage", times=1)
        await self.stack.others.break_centre(txn="6202", kind="drop_after", times=1)
        await self.stack.others.break_centre(txn="6301", kind="bad_signature", times=1)
        await self.his.fault("settle", "http_500", 1)
        await self.stack.settled(bill, await self.stack.paid(bill))
        await self.stack.others.repair()

    async def nonsense(self) -> None:
        """What careless callers put into places that are logged, or answered, or both."""
        api, wrong = self.stack.api, self.call("nonsense", ID_NO=marked.WRONG_ID_NO)
        for body in (wrong, {**wrong, marked.ID_NO: "1", marked.NAME: "2"}, [marked.NAME], {"P_JSON": marked.NAME}):
            await api.post(PRE_SETTLE, body)
        await api.call("POST", PRE_SETTLE, data=f'{{"PATIENT_NAME":"{marked.NAME}'.encode())
        await api.call("GET", f"/api/v1/payments/{marked.ID_NO}")
        await api.call("GET", f"/api/v1/payments/{marked.NAME}")
        await api.call("GET", "/api/v1/payments", params={"state": marked.NAME, "ID_NO": marked.ID_NO})
        await api.call("GET", "/health/live", headers={"X-Request-Id": marked.ID_NO, "Referer": marked.PSN_NO})
        await api.post(PRE_SETTLE, wrong, key=marked.PSN_NO)

    async def person(self, who: str, path: str, wish: Call) -> Answer:
        key = self.stack.embedded.person_key_files[who].read_text(encoding="utf-8").strip()
        return await self.stack.answered(f"/api/v1/{path}", wish, key=key)

    async def views(self) -> dict[str, bytes]:
        """Every page that shows payments afterwards, to whoever may look."""
        key = self.stack.embedded.person_key_files["operator"].read_text(encoding="utf-8").strip()
        paths = ["/api/v1/payments", "/api/v1/reviews", "/metrics", "/openapi.json", "/health/ready"]
        paths += [f"/api/v1/payments/{number}" for number in self.numbers.values()]
        paths += [f"/api/v1/reviews/{self.numbers['reviewed']}"]
        paths += [f"/api/v1/payments/{self.numbers['refunded']}/refunds/{self.run}R1"]
        answers: dict[str, Any] = {path: await self.stack.api.call("GET", path, key=key) for path in paths}
        return {path: f"{answer.headers}\n{answer.text}".encode() for path, answer in answers.items()}
