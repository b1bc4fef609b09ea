"""A campaign's plan follows from its seed, and has something of everything."""

from itertools import pairwise

import pytest

from tests.chaos.plan import Component, DatabaseKind, Harm, Story, plan_of

PAYMENTS, KILLS, LASTS_S = 1_000, 200, 600


def test_the_same_seed_is_the_same_plan() -> None:
    assert plan_of(5, PAYMENTS, KILLS, LASTS_S, "sqlite") == plan_of(5, PAYMENTS, KILLS, LASTS_S, "sqlite")
    assert plan_of(5, PAYMENTS, KILLS, LASTS_S, "sqlite") != plan_of(6, PAYMENTS, KILLS, LASTS_S, "sqlite")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_everything_occurs(database: DatabaseKind) -> None:
    plan = plan_of(5, PAYMENTS, KILLS, LASTS_S, database)
    assert {wish.story for wish in plan.wishes} == set(Story)
    struck = {each.component for each in plan.disturbances}
    assert struck == set(Component) - ({Component.POSTGRESQL} if database == "sqlite" else set())
    assert {each.harm for each in plan.disturbances} == set(Harm)
    assert len({wish.number for wish in plan.wishes}) == PAYMENTS
    assert len(plan.disturbances) == KILLS


def test_newcomers_want_the_same_bill_at_the_same_hospital() -> None:
    wishes = plan_of(5, PAYMENTS, KILLS, LASTS_S, "sqlite").wishes
    pairs = [(earlier, later) for earlier, later in pairwise(wishes) if earlier.bill == later.bill]
    assert len(pairs) > PAYMENTS / 20
    assert all(earlier.patient_id == later.patient_id for earlier, later in pairs)
    assert all(earlier.hospital == later.hospital for earlier, later in pairs)


def test_everything_happens_in_time() -> None:
    plan = plan_of(5, PAYMENTS, KILLS, LASTS_S, "sqlite")
    assert all(0 <= at_s <= LASTS_S for at_s in [each.at_s for each in plan.disturbances])
    assert all(0 <= at_s <= LASTS_S for at_s in [each.at_s for each in plan.faults])
    assert max(wish.begins_s for wish in plan.wishes) <= LASTS_S + 6
