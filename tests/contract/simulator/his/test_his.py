"""The adapter against the HIS simulator over a socket: seed data, rules, what was booked, and a restart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.errors import Refused
from domain.insurance import Split
from domain.orders import HisPayment
from domain.values.fen import Fen
from gateways.his.http import HttpHospitalSystem
from gateways.his.port import (
    BILL_ALREADY_PAID,
    BILL_NOT_FOUND,
    CLINIC_NOT_FOUND,
    PATIENT_NOT_FOUND,
    VISIT_NOT_FOUND,
    HisRefund,
    Registration,
)
from gateways.http import HttpCaller
from tests.support.parties.his_simulator import HisSimulator, his_simulator
from tests.support.values.his_payments import his_payment, his_registration


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[HisSimulator]:
    async with his_simulator(tmp_path / "his.db") as simulator:
        yield simulator


@pytest.fixture
def his(http: HttpCaller, simulator: HisSimulator) -> HttpHospitalSystem:
    return HttpHospitalSystem(http, simulator.url, timeout_s=5)


async def settled_twice(his: HttpHospitalSystem, payment: HisPayment) -> tuple[str, str]:
    return await his.settle(payment), await his.settle(payment)


class TestPatients:
    @pytest.mark.parametrize(
        ("patient_id", "name", "id_no", "insured"),
        [
            ("100001", "张三", "110101199003070134", True),
            ("100002", "李四", "11010119900307109X", True),
            ("100003", "王五", "110101199003072711", False),
            ("100004", "陈大文", "810000198309210012", True),
            ("100005", "何美", "820000199104100019", True),
            ("100006", "林建国", "830000197503150016", True),
            ("100007", "Mary Ann SMITH", "911156198607040017", True),
            ("100008", "买买提·艾力", "460100197705120014", True),
        ],
    )
    async def test_who_they_are(
        self, his: HttpHospitalSystem, patient_id: str, name: str, id_no: str, *, insured: bool
    ) -> None:
        patient = await his.patient(patient_id)
        assert (patient.patient_id, patient.name, patient.id_no) == (patient_id, name, id_no)
        assert [bool(known) for known in (patient.psn_no, patient.insutype, patient.insu_code)] == [insured] * 3
        assert patient.patient_type_id
        assert patient.ipt_otp_no

    async def test_a_stranger(self, his: HttpHospitalSystem) -> None:
        with pytest.raises(Refused) as caught:
            await his.patient("999999")
        assert caught.value.reason == PATIENT_NOT_FOUND

    @pytest.mark.parametrize(("visit_id", "patient_id"), [("V1", "100001"), ("V2", "100002"), ("V3", "100003")])
    async def test_whose_visit_it_is(self, his: HttpHospitalSystem, visit_id: str, patient_id: str) -> None:
        assert await his.visit_patient(visit_id) == patient_id

    @pytest.mark.parametrize("visit_id", ["V9", "V10001", "X", "V", "V-1", "V1 ", "V99999999999999999999999"])
    async def test_no_such_visit(self, his: HttpHospitalSystem, visit_id: str) -> None:
        with pytest.raises(Refused) as caught:
            await his.visit_patient(visit_id)
        assert caught.value.reason == VISIT_NOT_FOUND


class TestPrices:
    @pytest.mark.parametrize(("clinic_id", "fen"), [("200001", 2500), ("200002", 5000)])
    async def test_registrations(self, his: HttpHospitalSystem, clinic_id: str, fen: int) -> None:
        fees = await his.registration_fees(clinic_id, "100002")
        assert (fees.total_fen, fees.patient_id, fees.diagnoses) == (fen, "100002", ())

    @pytest.mark.parametrize(
        ("order_ids", "patient_id", "fen", "lines"),
        [
            (("300001",), "100001", 12850, 3),
            (("300002",), "100001", 7630, 1),
            (("300003",), "100001", 1, 1),
            (("300101",), "100002", 199999, 1),
            (("300001", "300002", "300003"), "100001", 20481, 5),
            (("900000",), "100001", 1, 1),
            (("912345",), "100003", 12346, 1),
            (("9" * 64,), "100002", 100000, 1),
            (("900001", "300101"), "100002", 200001, 2),
        ],
    )
    async def test_prescriptions(
        self, his: HttpHospitalSystem, order_ids: tuple[str, ...], patient_id: str, fen: int, lines: int
    ) -> None:
        fees = await his.prescription_fees(order_ids, patient_id)
        assert (fees.total_fen, fees.patient_id, len(fees.lines)) == (fen, patient_id, lines)
        assert {line.order_id for line in fees.lines} == set(order_ids)
        assert len({line.serial for line in fees.lines}) == lines
        assert fees.diagnoses[0].serial == 1

    async def test_another_patients_prescription_says_whose_it_is(self, his: HttpHospitalSystem) -> None:
        fees = await his.prescription_fees(("300002", "300101"), "100001")
        assert fees.patient_id == "100002"

    @pytest.mark.parametrize("order_ids", [("300004",), ("90000",), ("9" * 65,), ("300001", "1"), ("300001", "")])
    async def test_no_such_prescription(self, his: HttpHospitalSystem, order_ids: tuple[str, ...]) -> None:
        with pytest.raises(Refused) as caught:
            await his.prescription_fees(order_ids, "100001")
        assert caught.value.reason == BILL_NOT_FOUND

    async def test_no_such_clinic(self, his: HttpHospitalSystem) -> None:
        with pytest.raises(Refused) as caught:
            await his.registration_fees("200009", "100001")
        assert caught.value.reason == CLINIC_NOT_FOUND

    async def test_a_new_bill(self, his: HttpHospitalSystem, simulator: HisSimulator) -> None:
        bill = {"ORDER_ID": "555", "PATIENT_ID": "100002", "amount": "19.90"}
        assert await simulator.control("POST", "/_sim/bills", bill) == (200, bill)
        fees = await his.prescription_fees(("555",), "100002")
        assert (fees.total_fen, fees.patient_id) == (1990, "100002")
        assert (await simulator.control("POST", "/_sim/bills", bill))[0] == 409

    async def test_a_new_bill_typed_by_hand(self, his: HttpHospitalSystem, simulator: HisSimulator) -> None:
        bill = {"ORDER_ID": 555, "PATIENT_ID": 100001, "amount": 19.9}
        assert (await simulator.control("POST", "/_sim/bills", bill))[0] == 200
        assert (await his.prescription_fees(("555",), "100001")).total_fen == 1990

    @pytest.mark.parametrize(
        ("field", "value"),
        [("amount", "0.00"), ("amount", "-1.00"), ("amount", "x"), ("PATIENT_ID", "999999"), ("ORDER_ID", "a|b")],
    )
    async def test_a_bill_that_can_not_be(self, simulator: HisSimulator, field: str, value: str) -> None:
        bill = {"ORDER_ID": "555", "PATIENT_ID": "100002", "amount": "19.90", field: value}
        status, answer = await simulator.control("POST", "/_sim/bills", bill)
        assert status == 422
        assert isinstance(answer, dict)
        assert answer["message"]


class TestSettling:
    async def test_what_was_booked_is_found_and_shown(self, his: HttpHospitalSystem, simulator: HisSimulator) -> None:
        assert await his.settlement_query("P1") is None
        number = await his.settle(his_payment("P1", 20480, order_ids=("300001", "300002"), visit_id="V1"))
        assert await his.settlement_query("P1") == number
        (row,) = await simulator.rows("/_sim/settlements?medOrgOrd=P1")
        amounts = {"feeSumamt": "204.80", "ownPayAmt": "40.96", "psnAcctPay": "40.96", "fundPay": "122.88"}
        expected = {"medOrgOrd": "P1", "settlementNo": number, "VISIT_ID": "V1", **amounts, "amounts": amounts}
        assert {name: row[name] for name in expected} == expected
        assert row["ORDER_ID"] == "300001|300002"
        assert await simulator.rows("/_sim/settlements?medOrgOrd=P2") == []

    async def test_a_call_made_twice_shows_as_two_rows(self, his: HttpHospitalSystem, simulator: HisSimulator) -> None:
        first, second = await settled_twice(his, his_payment("P1", 12850))
        rows = await simulator.rows("/_sim/settlements?medOrgOrd=P1")
        assert [row["settlementNo"] for row in rows] == [first, second]
        assert first != second
        assert await his.settlement_query("P1") == first

    @pytest.mark.parametrize("order_id", ["300002", "907629"])
    async def test_a_paid_prescription_is_paid(self, his: HttpHospitalSystem, order_id: str) -> None:
        await his.settle(his_payment("P1", 7630, order_ids=(order_id,)))
        for question in (
            his.prescription_fees((order_id,), "100001"),
            his.prescription_fees(("300001", order_id), "100001"),
            his.settle(his_payment("P2", 7630, order_ids=(order_id,))),
        ):
            with pytest.raises(Refused) as caught:
                await question
            assert caught.value.reason == BILL_ALREADY_PAID
        assert await his.settlement_query("P2") is None

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"order_ids": ("300009",)}, BILL_NOT_FOUND),
            ({"order_ids": ("300101",)}, BILL_NOT_FOUND),
            ({"patient_id": "999999"}, PATIENT_NOT_FOUND),
            ({"visit_id": "V2"}, VISIT_NOT_FOUND),
            ({"visit_id": "V9"}, VISIT_NOT_FOUND),
            ({"order_ids": ("300001", "300001")}, ""),
            ({"order_ids": ("300003",)}, ""),
        ],
    )
    async def test_what_is_refused_is_not_booked(
        self, his: HttpHospitalSystem, simulator: HisSimulator, changes: dict[str, object], reason: str
    ) -> None:
        with pytest.raises(Refused) as caught:
            await his.settle(his_payment("P1", 12850, **changes))
        assert caught.value.reason == reason
        assert await simulator.rows("/_sim/settlements") == []

    async def test_parts_that_do_not_add_up(self, his: HttpHospitalSystem) -> None:
        payment = his_payment("P1", 12850)
        split = Split(fee_sum_fen=Fen(12850), own_pay_fen=Fen(1), psn_acct_fen=Fen(0), fund_fen=Fen(12850))
        settlement = payment.settlement.model_copy(update={"split": split})
        with pytest.raises(Refused, match="金额不符"):
            await his.settle(payment.model_copy(update={"settlement": settlement}))

    async def test_an_incomplete_request_names_its_field(self, simulator: HisSimulator) -> None:
        status, answer = await simulator.control("POST", "/settle", {"medOrgOrd": "P1", "PATIENT_ID": "100001"})
        assert (status, answer) == (200, {"CODE": -1, "MSG": "字段缺失或格式不符: CATEGORY"})

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
    async def test_a_request_that_is_no_object(self, simulator: HisSimulator, body: bytes) -> None:
        assert await simulator.control("POST", "/settle", body) == (200, {"CODE": -1, "MSG": "请求不是JSON对象"})


class TestRegistering:
    async def test_a_visit_is_made_found_and_taken_back(self, his: HttpHospitalSystem, simulator: HisSimulator) -> None:
        assert await his.registration_query("R1") is None
        visit_id = await his.register(his_registration("R1"))
        assert await his.registration_query("R1") == Registration(visit_id=visit_id, patient_id="100001")
        assert await his.visit_patient(visit_id) == "100001"
        row = {"medOrgOrd": "R1", "VISIT_ID": visit_id, "PATIENT_ID": "100001", "CLINIC_ID": "200001"}
        assert await simulator.rows("/_sim/registrations?medOrgOrd=R1") == [{**row, "cancelled": False}]

        for _ in range(2):
            await his.cancel_registration("R1", visit_id, "100001")
        assert await his.registration_query("R1") is None
        assert await simulator.rows("/_sim/registrations?medOrgOrd=R1") == [{**row, "cancelled": True}]
        with pytest.raises(Refused) as caught:
            await his.visit_patient(visit_id)
        assert caught.value.reason == VISIT_NOT_FOUND

    async def test_a_call_made_twice_shows_as_two_rows(self, his: HttpHospitalSystem, simulator: HisSimulator) -> None:
        first, second = [await his.register(his_registration("R1")) for _ in range(2)]
        rows = await simulator.rows("/_sim/registrations?medOrgOrd=R1")
        assert [row["VISIT_ID"] for row in rows] == [first, second]
        await his.cancel_registration("R1", first, "100001")
        assert await his.registration_query("R1") == Registration(visit_id=second, patient_id="100001")

    async def test_settled_with_its_visit(self, his: HttpHospitalSystem, simulator: HisSimulator) -> None:
        visit_id = await his.register(his_registration("R1"))
        number = await his.settle(his_registration("R1", visit_id=visit_id))
        (row,) = await simulator.rows("/_sim/settlements?medOrgOrd=R1")
        assert (row["settlementNo"], row["VISIT_ID"], row["feeSumamt"]) == (number, visit_id, "25.00")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [({"clinic_id": "200009"}, CLINIC_NOT_FOUND), ({"patient_id": "999999"}, PATIENT_NOT_FOUND)],
    )
    async def test_what_is_refused(self, his: HttpHospitalSystem, changes: dict[str, object], reason: str) -> None:
        with pytest.raises(Refused) as caught:
            await his.register(his_registration("R1", **changes))
        assert caught.value.reason == reason
        assert await his.registration_query("R1") is None

    @pytest.mark.parametrize(
        ("med_org_ord", "visit_id", "patient_id"),
        [("R1", "V1", "100001"), ("R2", "V10001", "100001"), ("R1", "V10001", "100002")],
    )
    async def test_only_its_own_visit_is_taken_back(
        self, his: HttpHospitalSystem, med_org_ord: str, visit_id: str, patient_id: str
    ) -> None:
        assert await his.register(his_registration("R1")) == "V10001"
        with pytest.raises(Refused) as caught:
            await his.cancel_registration(med_org_ord, visit_id, patient_id)
        assert caught.value.reason == VISIT_NOT_FOUND
        assert await his.visit_patient("V10001") == "100001"


class TestRefunding:
    async def test_in_full_frees_the_prescription(self, his: HttpHospitalSystem) -> None:
        await his.settle(his_payment("P1", 12850))
        first = HisRefund(med_org_ord="P1", refund_no="F1", total_fen=Fen(2850))
        await his.refund(first)
        await his.refund(first)
        with pytest.raises(Refused, match="已缴费"):
            await his.prescription_fees(("300001",), "100001")
        with pytest.raises(Refused, match="可退金额"):
            await his.refund(HisRefund(med_org_ord="P1", refund_no="F2", total_fen=Fen(10001)))
        await his.refund(HisRefund(med_org_ord="P1", refund_no="F2", total_fen=Fen(10000)))
        assert (await his.prescription_fees(("300001",), "100001")).total_fen == 12850

    async def test_a_refund_number_serves_one_amount(self, his: HttpHospitalSystem) -> None:
        await his.refund(HisRefund(med_org_ord="P1", refund_no="F1", total_fen=Fen(1)))
        with pytest.raises(Refused, match="退款单号"):
            await his.refund(HisRefund(med_org_ord="P1", refund_no="F1", total_fen=Fen(2)))


class TestRestart:
    async def test_nothing_is_forgotten(self, http: HttpCaller, tmp_path: Path) -> None:
        database = tmp_path / "his.db"
        async with his_simulator(database) as before:
            his = HttpHospitalSystem(http, before.url, timeout_s=5)
            visit_id = await his.register(his_registration("R1"))
            number = await his.settle(his_payment("P1", 12850))
            await before.control("POST", "/_sim/bills", {"ORDER_ID": "5", "PATIENT_ID": "100001", "amount": "1"})
            calls = await before.rows("/_sim/calls?medOrgOrd=P1")
        async with his_simulator(database) as after:
            his = HttpHospitalSystem(http, after.url, timeout_s=5)
            assert await his.registration_query("R1") == Registration(visit_id=visit_id, patient_id="100001")
            assert await his.settlement_query("P1") == number
            assert (await his.prescription_fees(("5",), "100001")).total_fen == 100
            assert await his.register(his_registration("R2")) != visit_id
            assert (await after.rows("/_sim/calls?medOrgOrd=P1"))[: len(calls)] == calls != []
