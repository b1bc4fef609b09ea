"""Where a workflow must follow its row before it goes on, and where a step that is taken again finds its result."""

import pytest

from domain.states import STORY, TERMINAL, PaymentState, has_moved_on, has_reached

S = PaymentState
ON_THE_WAY = tuple(state for state in STORY if state not in TERMINAL)


@pytest.mark.parametrize("milestone", PaymentState)
@pytest.mark.parametrize("current", PaymentState)
def test_a_milestone_is_reached_on_the_happy_path_only(current: PaymentState, milestone: PaymentState) -> None:
    order = {state: place for place, state in enumerate(STORY)} | {S.PARTIALLY_REFUNDED: 6, S.REFUNDED: 6}
    expected = milestone in STORY and current in order and order[current] >= order[milestone]
    assert has_reached(current, milestone) == expected


def test_on_the_way_nobody_has_moved_on() -> None:
    assert not any(has_moved_on(known, recorded) for known in ON_THE_WAY for recorded in ON_THE_WAY)


@pytest.mark.parametrize("state", PaymentState)
def test_who_knows_where_the_row_is_has_nothing_to_follow(state: PaymentState) -> None:
    assert not has_moved_on(state, state)


def test_refunds_do_not_move_a_settled_payment() -> None:
    assert not has_moved_on(S.SETTLED, S.REFUNDED)


@pytest.mark.parametrize("off", [state for state in PaymentState if state not in ON_THE_WAY])
@pytest.mark.parametrize("on", ON_THE_WAY)
def test_everything_else_is_followed_both_ways(on: PaymentState, off: PaymentState) -> None:
    assert has_moved_on(on, off)
    assert has_moved_on(off, on)
