"""A HIS written from docs/his-port.md alone pays in every spelling of its values, on both databases."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from domain.base import PaymentKey
from domain.values.fen import Fen, yuan
from tests.support.parties import odd_his as spellings
from tests.support.parties.odd_his import OddHis, Spelling, odd_his
from tests.support.stack.database import new_database
from tests.support.stack.postgres import postgres_server
from tests.support.stack.running import Stack, outpatient_call, registration_call, running_stack

SPELLINGS: dict[str, Spelling] = {
    spelling.__name__: spelling
    for spelling in (
        spellings.plainly,
        spellings.everything_in_quotes,
        spellings.numbers_of_java,
        spellings.doubles_of_gson,
        spellings.times_of_iso,
        spellings.times_of_timestamp,
        spellings.times_of_digits,
        spellings.unseen_characters,
        spellings.joined_by_hand,
        spellings.long_numbers,
    )
}
FEN = (100, 10_000, 2_550, 7, 100_000, 1, 12_850, 330, 99_999, 1_000)
"""What each spelling's prescription costs: round sums have exponents in Java."""

SOME = [spellings.numbers_of_java, spellings.doubles_of_gson, spellings.unseen_characters, spellings.long_numbers]
some_spellings = pytest.mark.parametrize("spelling", SOME, ids=[spelling.__name__ for spelling in SOME])


@pytest_asyncio.fixture(scope="module")
async def odd() -> AsyncIterator[OddHis]:
    async with odd_his() as his:
        yield his


@pytest_asyncio.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def odd_stack(
    request: pytest.FixtureRequest, odd: OddHis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("odd")
    if request.param == "sqlite":
        async with running_stack(folder, his_url=odd.url) as running:
            yield running
        return
    with postgres_server() as address:
        async with running_stack(folder, his_url=odd.url, database_url=await new_database(address, "odd")) as running:
            yield running


@pytest.mark.parametrize(("spelling", "fen"), list(zip(SPELLINGS.values(), FEN, strict=True)), ids=SPELLINGS)
async def test_a_prescription_is_paid_and_booked(
    odd_stack: Stack, odd: OddHis, number: str, spelling: Spelling, fen: int
) -> None:
    odd.spelling = spelling
    order = outpatient_call(number, ORDER_ID=f"9{fen:05d}", TOTAL=yuan(Fen(fen)))
    confirmed = await odd_stack.settled(order, await odd_stack.paid(order))
    assert confirmed["feeSumamt"] == order["TOTAL"]
    assert (await odd_stack.state(number), await odd_stack.ord_stas(number)) == ("SETTLED", [6])
    assert number in odd.settled


@some_spellings
async def test_a_registration_is_made_paid_and_booked(
    odd_stack: Stack, odd: OddHis, number: str, spelling: Spelling
) -> None:
    odd.spelling = spelling
    order = registration_call(number)
    confirmed = await odd_stack.settled(order, await odd_stack.paid(order))
    assert confirmed["VISIT_ID"] == odd.visits[number]
    assert await odd_stack.state(number) == "SETTLED"


@some_spellings
async def test_what_is_refused_is_refused(odd_stack: Stack, odd: OddHis, number: str, spelling: Spelling) -> None:
    odd.spelling = spelling
    wrong = await odd_stack.pre_settle(outpatient_call(number, ORDER_ID="900100", TOTAL="1.01"))
    assert (wrong.code, "下单1.01元, 医院1.00元" in wrong.json["MSG"]) == ("TOTAL_MISMATCH", True)
    stranger = outpatient_call(f"{number}v", ORDER_ID="900100", TOTAL="1.00", VISIT_ID="V9")
    assert (await odd_stack.pre_settle(stranger)).code == "PATIENT_MISMATCH"


async def test_what_is_kept_and_sent_on_is_clean_and_plain(odd_stack: Stack, odd: OddHis, number: str) -> None:
    odd.spelling = spellings.joined_by_hand
    order = outpatient_call(number, ORDER_ID="900250", TOTAL="2.50")
    await odd_stack.settled(order, await odd_stack.paid(order))
    async with odd_stack.api.records() as database, database.read() as unit:
        (line,) = await unit.fee_lines.of_payment(PaymentKey(hospital="main", med_org_ord=number))
    assert (line.name, line.doctor_name, line.quantity) == ("苯磺酸 氨氯 地平 片", "王'医生", "1")
