"""The picture of the state machine shows what the table says today."""

import re

import pytest

from docs import state_machine
from docs.state_machine import PICTURE, picture
from domain.states import TERMINAL, TRANSITIONS, PaymentState

S = PaymentState


class TestThePicture:
    def test_the_committed_picture_is_the_one_that_the_table_makes(self) -> None:
        assert PICTURE.read_text(encoding="utf-8") == picture(), "run: python -m docs.state_machine"

    def test_it_names_every_state_once(self) -> None:
        texts = re.findall(r">([A-Z_]+)</text>", picture())
        assert sorted(texts) == sorted(PaymentState)

    def test_it_draws_every_move(self) -> None:
        moves = sum(len(following) for state, following in TRANSITIONS.items() if state is not S.IN_REVIEW)
        assert picture().count("<polyline ") == moves

    def test_it_names_every_decision(self) -> None:
        (names,) = re.findall(r">a person decides: ([A-Z_, ]+)</text>", picture())
        assert sorted(names.split(", ")) == sorted(TRANSITIONS[S.IN_REVIEW])

    def test_no_two_moves_start_at_the_same_point(self) -> None:
        starts = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', picture())
        assert starts
        assert len(starts) == len(set(starts))

    def test_another_table_is_another_picture(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fewer = {**TRANSITIONS, S.PAID: frozenset({S.SETTLED}), S.IN_REVIEW: TERMINAL - {S.SETTLED}}
        before = picture()
        monkeypatch.setattr(state_machine, "TRANSITIONS", fewer)
        assert picture() != before
