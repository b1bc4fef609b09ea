"""Scripts in which the campaign found a broken rule, each with the end that its payments must come to now."""

from collections.abc import Iterator

import pytest

from simulator.insurance.control import PayOutcome
from tests.property.campaign import Theatre, open_theatre
from tests.property.run import HospitalSpec, OrderSpec
from tests.property.script import Script
from tests.property.sides.faults import Fault, Kind
from tests.property.steps.kinds import CallerBooks, Goes, Passes, Pay, PreSettle, Refund, Settle, Visit

PRESCRIPTION = (OrderSpec(bills=("907629",)),)
CASH_ALONE = (OrderSpec(bills=("900000",)),)


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    with open_theatre() as opened:
        yield opened


class TestAReversal:
    def test_whose_checks_his_never_answers_is_reviewed(self, theatre: Theatre) -> None:
        """The caller had booked by itself, unseen, and the payment was over: booked and reversed."""
        silent = Goes(fault=Fault(txn="settlement_query", kind=Kind.LOST_BEFORE, times=-1))
        steps = (PreSettle(), Pay(outcome=PayOutcome.PAID), silent, Settle(), CallerBooks())
        theatre.play(Script(orders=PRESCRIPTION, steps=steps, heals=False))

        assert theatre.last_ends == ["IN_REVIEW LATE_BOOKING_UNCHECKED"]

    def test_of_cash_alone_is_known_by_whatever_its_end_is_called(self, theatre: Theatre) -> None:
        """Its reply was lost. The centre calls it 9, not 7: it was sent again, and a refusal of that had no way out."""
        his = Goes(fault=Fault(txn="settle", kind=Kind.REFUSED, times=-1))
        lost = Goes(fault=Fault(txn="6203", kind=Kind.LOST_AFTER, times=1))
        refused = Goes(fault=Fault(txn="6203", kind=Kind.REFUSED, times=-1))
        steps = (PreSettle(), Pay(outcome=PayOutcome.PAID), his, lost, refused, Settle())
        hospital = HospitalSpec(full_refund="by_kind")
        theatre.play(Script(hospital=hospital, orders=CASH_ALONE, steps=steps, heals=False))

        assert theatre.last_ends == ["REVERSED"]


class TestARefusalThatWasNone:
    def test_leaves_the_callers_visit_in_the_record(self, theatre: Theatre) -> None:
        """HIS refused and had booked; it knows by medOrgOrd only the visits that were made for it."""
        refused = Goes(fault=Fault(txn="settle", kind=Kind.REFUSED_AFTER, times=3))
        steps = (refused, PreSettle(), Pay(outcome=PayOutcome.PAID), Settle(visit=Visit.RIGHT))
        theatre.play(Script(orders=(OrderSpec(clinic="200001"),), steps=steps, heals=False))

        assert theatre.last_ends == ["SETTLED"]


class TestACallerWhoBooksByItself:
    def test_while_ours_can_not_leave_is_not_booked_again(self, theatre: Theatre) -> None:
        """Attempts that never left were not followed by a question: HIS was told a second time."""
        unreachable = Goes(fault=Fault(txn="settle", kind=Kind.NOT_SENT, times=3))
        steps = (unreachable, PreSettle(), Pay(outcome=PayOutcome.PAID), Settle(), CallerBooks())
        theatre.play(Script(orders=PRESCRIPTION, steps=steps, heals=False))

        assert theatre.last_ends == ["SETTLED"]

    def test_while_the_centre_is_slow_to_say_paid_is_not_booked_again(self, theatre: Theatre) -> None:
        """HIS had been asked beside 6301, and what it said was believed three failed questions later."""
        silent = Goes(fault=Fault(txn="6301", kind=Kind.LOST_BEFORE, times=3))
        steps = (silent, PreSettle(), Pay(outcome=PayOutcome.PAID), Settle(), CallerBooks())
        theatre.play(Script(orders=PRESCRIPTION, steps=steps, heals=False))

        assert theatre.last_ends == ["SETTLED"]


class TestANewcomerWhoseHolderCanNotAnswer:
    def test_stops_waiting_for_it(self, theatre: Theatre) -> None:
        """The SDK's limit ended where the holder had taken the wish: the newcomer waited on, past its own budget."""
        stuck = Goes(fault=Fault(txn="6201", kind=Kind.DIES_BEFORE, times=-1))
        clinic = OrderSpec(clinic="200002")
        steps = (stuck, PreSettle(order=0), PreSettle(order=1))
        hospital = HospitalSpec(repeated_upload="refused")
        theatre.play(Script(hospital=hospital, orders=(clinic, clinic), steps=steps, heals=False))

        holder, newcomer = theatre.last_ends
        assert (holder, newcomer.split()[0]) == ("REJECTED UPLOAD_ORPHANED", "REJECTED")


class TestARefundThatIsRefusedWhenRepeated:
    def test_while_the_first_is_on_its_way_is_not_over(self, theatre: Theatre) -> None:
        """It was REFUND_FAILED, and the money went back half a minute later."""
        late, refused = (Goes(fault=Fault(txn="6203", kind=kind)) for kind in (Kind.LATE, Kind.REFUSED))
        steps = (PreSettle(), Pay(outcome=PayOutcome.PAID), Settle(), late, refused, Refund(), Passes(seconds=300))
        theatre.play(Script(orders=PRESCRIPTION, steps=steps, heals=False))

        assert theatre.last_ends == ["REFUNDED", "refund REFUNDED"]
