"""A person from HIS's and the caller's spelling to what the centre gets, over real sockets, with its simulator."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from api.payments.schemas import PreSettleCall
from api.web.body import Fields
from domain.bills import Bill
from domain.errors import PaymentError, Refused, Unknown
from domain.insurance import OrderReference
from domain.ord_stas import OrdStas
from domain.orders import Order, check_bill
from domain.values.identity import Document
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from tests.support.parties.centre_simulator import SimulatedCentre, simulated_centre, upload
from tests.support.parties.odd_server import OddServer
from tests.support.stack.api_server import bill
from tests.support.values import centres
from tests.support.values.orders import bill_of
from tests.support.values.people import ID_TYPES, NUMBERS, id_no, id_no_ending_in_x

CARD, X_CARD = "110101197501015112", id_no_ending_in_x("110101", "19900307")
BEFORE_1999 = X_CARD[:6] + X_CARD[8:17]
WIDE_CARD = X_CARD.translate(str.maketrans("0123456789X", "０１２３４５６７８９Ｘ"))
GAPPED_CARD = f"{X_CARD[:6]} {X_CARD[6:14]} {X_CARD[14:]}"
DOTTED = "买买提·艾力"


class Spelt(NamedTuple):
    """`his`: name and number there. `caller`: the same in the order. `sent`: the name that the centre gets."""

    his: tuple[str, str]
    caller: tuple[str | None, str]
    sent: str


SPELT = [
    Spelt(("张　三", X_CARD), ("张三", X_CARD), "张三"),
    Spelt(("张三  ", X_CARD.lower()), ("张 三", X_CARD), "张三"),
    Spelt(("张\u200b三", WIDE_CARD), ("张三", X_CARD.lower()), "张三"),
    Spelt(("\ufeff张三", BEFORE_1999), ("张三", GAPPED_CARD), "张三"),
    Spelt(("买买提•艾力", X_CARD), (DOTTED, WIDE_CARD), DOTTED),
    Spelt(("买买提．艾力", f"{X_CARD}  "), ("买买提・艾力", X_CARD), DOTTED),
    Spelt(("买买提.艾力", X_CARD), ("买买提‧艾力", X_CARD), DOTTED),
    Spelt((DOTTED, X_CARD), ("买买提⋅艾力", X_CARD), DOTTED),
    Spelt(("ＭＡＲＹ　ＡＮＮ　ＳＭＩＴＨ", X_CARD), ("Mary Ann Smith", X_CARD), "MARY ANN SMITH"),
    Spelt(("王\ue863", X_CARD), ("王䶮", X_CARD), "王䶮"),
    Spelt(("⻢⼩⻰", X_CARD), ("马小龙", X_CARD), "马小龙"),
    Spelt(("张三", X_CARD), (None, X_CARD), "张三"),
]
NAME, NUMBER = "患者姓名(PATIENT_NAME)", "身份证号(ID_NO)"
NOT_THE_SAME = [
    (("张三", X_CARD), ("张三丰", X_CARD), NAME),
    (("张三丰", X_CARD), ("张三", X_CARD), NAME),
    (("冯三", X_CARD), ("馮三", X_CARD), NAME),
    (("买买提艾力", X_CARD), (DOTTED, X_CARD), NAME),
    (("张三", CARD), ("张三", X_CARD), NUMBER),
    (("张三", "110101750101511"), ("张三", X_CARD), NUMBER),
]


@pytest_asyncio.fixture(loop_scope="session")
async def centre(tmp_path: Path) -> AsyncIterator[SimulatedCentre]:
    async with simulated_centre(tmp_path / "centre.db", id_types=ID_TYPES) as centre:
        yield centre


async def ordered(http: HttpCaller, odd: OddServer, his: tuple[str, str], caller: tuple[str | None, str]) -> Bill:
    """HIS's patient as the order's; raises as an order does."""
    fields = {"PATIENT_NAME": his[0], "ID_NO": his[1], "patientTypeId": "1", "iptOtpNo": "MZ1", "psnNo": "P1"}
    odd.answer = {"CODE": 0, "DATA": {**fields, "insutype": "310", "insuCode": "110101"}}
    order = order_of(*caller)
    bill = bill_of(order, await HttpHospitalSystem(http, odd.url, timeout_s=5).patient("100001"))
    check_bill(order, bill, None)
    return bill


def order_of(name: str | None, number: str) -> Order:
    fields: Fields = dict(bill(PATIENT_NAME=name, ID_NO=number))
    return PreSettleCall.read(fields).order("main")


@pytest.mark.parametrize("spelt", SPELT, ids=ascii)
async def test_one_person_in_any_spelling(
    http: HttpCaller, odd: OddServer, centre: SimulatedCentre, spelt: Spelt
) -> None:
    known = await ordered(http, odd, spelt.his, spelt.caller)
    ours = HttpInsuranceCentre(http, centre.profile, centres.ACCOUNT)
    uploaded = await ours.upload_fees(order_of(*spelt.caller), known, "M1")
    # Only who is named exactly as in 6201 gets an answer of the simulator.
    reference = OrderReference(
        pay_ord_id=uploaded.pay_ord_id, pay_token=uploaded.pay_token, id_no=X_CARD, user_name=spelt.sent
    )
    assert (await ours.query_order(reference)).ord_stas == OrdStas.SAVED
    await ours.revoke_order(reference)
    assert (await ours.query_order(reference)).ord_stas == OrdStas.REVOKED


@pytest.mark.parametrize(("his", "caller", "field"), NOT_THE_SAME, ids=ascii)
async def test_two_people_are_two(
    http: HttpCaller, odd: OddServer, his: tuple[str, str], caller: tuple[str, str], field: str
) -> None:
    with pytest.raises(PaymentError) as refused:
        await ordered(http, odd, his, caller)
    assert refused.value.message == f"{field}与医院登记的患者不一致"


async def test_a_name_of_nothing_is_named(http: HttpCaller, odd: OddServer) -> None:
    with pytest.raises(Unknown, match="PATIENT_NAME"):
        await ordered(http, odd, ("\u200b", X_CARD), (None, X_CARD))


class TestTheSimulatorsDocuments:
    """It takes the codes that its profile names, each for its own document."""

    @pytest.mark.parametrize("document", Document)
    async def test_each_with_its_code(self, centre: SimulatedCentre, document: Document) -> None:
        facts = {"idNo": NUMBERS[document], "idType": ID_TYPES[document], "userName": "某人"}
        order = await centre.placed("M1", **facts)
        assert (await centre.done("6301", order.named(idType=ID_TYPES[document])))["ordStas"] == "1"
        assert "idType" in await centre.refusal("6301", order.named(idType="77"))

    @pytest.mark.parametrize("document", Document)
    async def test_not_with_another_s(self, centre: SimulatedCentre, document: Document) -> None:
        for code in [*ID_TYPES.values(), "77", "1"]:
            if code != ID_TYPES[document]:
                order = {"idNo": NUMBERS[document], "idType": code, "userName": "某人"}
                assert "idType" in await centre.refusal("6201", upload("M1", **order))

    async def test_not_without_a_code(self, http: HttpCaller, tmp_path: Path) -> None:
        async with simulated_centre(tmp_path / "other.db") as other:
            facts = {"idNo": NUMBERS[Document.RESIDENCE_PERMIT_TAIWAN], "idType": "04", "userName": "某人"}
            assert "idType" in await other.refusal("6201", upload("M1", **facts))
            ours = HttpInsuranceCentre(http, other.profile, centres.ACCOUNT)
            order = order_of(None, NUMBERS[Document.RESIDENCE_PERMIT_TAIWAN])
            with pytest.raises(Refused, match="台湾居民居住证"):
                await ours.upload_fees(order, bill_of(order), "M1")
            assert len(await other.rows("/_sim/calls?medOrgOrd=M1")) == 1

    @pytest.mark.parametrize("area", ["460100", "500103", "410122", "110199", "170101"])
    async def test_a_real_card_whatever_its_area(self, centre: SimulatedCentre, area: str) -> None:
        placed = await centre.placed("M1", idNo=id_no(area, "19770512"), userName="某人")
        assert placed.pay_ord_id
