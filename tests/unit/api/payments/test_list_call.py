"""The list's parameters: each one either means something or is refused by its name."""

import base64

import pytest

from api.payments.schemas import CURSOR_CHARS_MAX, ListCall, cursor_of
from api.web.body import REPEATED
from domain.errors import ErrorCode, PaymentError
from domain.orders import Category, Channel
from domain.states import PaymentState
from storage.records import PaymentQuery, Place
from tests.support.values.records import AT, later


def refusal(fields: dict[str, object]) -> PaymentError:
    with pytest.raises(PaymentError) as refused:
        ListCall.read(fields)
    return refused.value


class TestAQuery:
    def test_of_nothing_is_everything(self) -> None:
        empty = {"state": "", "channel": " ", "category": "", "from": "", "to": "", "cursor": "", "other": "x"}
        assert ListCall.read(empty).query("main") == ListCall.read({}).query("main") == PaymentQuery(hospital="main")
        assert ListCall.read(empty).place() is None

    def test_is_read_whole(self) -> None:
        fields = {"state": "PAID", "channel": "Alipay", "category": "1", "from": "2026-01-05", "to": "2026-01-05"}
        query = ListCall.read(fields).query("west")
        assert (query.hospital, query.state, query.channel) == ("west", PaymentState.PAID, Channel.ALIPAY)
        assert query.category is Category.REGISTRATION
        assert query.begins is not None
        assert query.ends is not None
        assert (query.ends - query.begins).days == 1

    @pytest.mark.parametrize(
        ("fields", "title"),
        [
            ({"state": "paid"}, "支付状态(state)"),
            ({"state": "' OR 1=1"}, "支付状态(state)"),
            ({"channel": "Cash"}, "渠道(channel)"),
            ({"category": "3"}, "费用类别(category)"),
            ({"from": "yesterday"}, "受理时间起(from)"),
            ({"to": "2026-02-30"}, "受理时间止(to)"),
            ({"from": "2026-01-05T00:00:00 08:00"}, "%2B"),
            ({"from": "2026-01-06", "to": "2026-01-05"}, "受理时间止(to)"),
            ({"from": "2026-01-06T00:00:00", "to": "2026-01-06T00:00:00"}, "受理时间起(from)"),
            ({"state": REPEATED}, "支付状态(state)"),
            ({"from": "2026-01-05\x00"}, "受理时间起(from)"),
            ({"cursor": "x" * 129}, "分页位置(cursor)"),
        ],
    )
    def test_of_something_wrong_is_refused_by_name(self, fields: dict[str, object], title: str) -> None:
        refused = refusal(fields)
        assert refused.code is ErrorCode.INVALID_FIELD
        assert title in refused.message


class TestACursor:
    @pytest.mark.parametrize(
        "place", [Place(accepted_at=AT, med_org_ord="M-1_x"), Place(accepted_at=later(1.5), med_org_ord="x" * 64)]
    )
    def test_comes_back_as_the_place_that_it_was(self, place: Place) -> None:
        cursor = cursor_of(place)
        assert len(cursor) <= CURSOR_CHARS_MAX
        assert ListCall.read({"cursor": cursor}).place() == place

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"2026-01-05",
            b"2026-01-05T00:00:00+00:00 ",
            b"nothing M1",
            b"2026-01-05T00:00:00 M;1",
            b"\xff M1",
            b"0001-01-01T00:00 M1",
        ],
    )
    def test_of_somebody_s_own_making_is_refused(self, content: bytes) -> None:
        made = base64.urlsafe_b64encode(content).decode() or "="
        assert "分页位置(cursor)" in refusal({"cursor": made}).message

    @pytest.mark.parametrize("text", ["!", "页", "abc", "===="])
    def test_that_is_none_is_refused(self, text: str) -> None:
        assert "分页位置(cursor)" in refusal({"cursor": text}).message
