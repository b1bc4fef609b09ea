"""Every reason for which a person has to look has its row, and its line in the documents."""

from pathlib import Path

import pytest

from domain.attention import ATTENTION, AttentionReason, of_status
from domain.ord_stas import NEEDS_REVIEW

DOCUMENT = (Path(__file__).parents[3] / "docs" / "reviews.md").read_text(encoding="utf-8")

SENT_BACK = {
    AttentionReason.REVERSAL_REFUSED,
    AttentionReason.REVERSAL_WINDOW_CLOSED,
    AttentionReason.REFUND_REFUSED,
    AttentionReason.REFUND_UNKNOWN,
    AttentionReason.VISIT_NOT_CANCELLED,
    AttentionReason.BOOKED_AFTER_REVERSAL,
    AttentionReason.LATE_BOOKING_UNCHECKED,
    AttentionReason.HIS_NOT_TOLD,
}
"""We sent the money back, or tried to."""


def test_every_reason_has_its_row() -> None:
    assert set(ATTENTION) == set(AttentionReason)


@pytest.mark.parametrize("reason", AttentionReason)
def test_a_caller_is_told_in_chinese(reason: AttentionReason) -> None:
    assert any("一" <= char <= "鿿" for char in ATTENTION[reason].message)


@pytest.mark.parametrize("reason", sorted(set(AttentionReason) - {AttentionReason.NOTIFICATION_FAILED}))
def test_the_document_names_it(reason: AttentionReason) -> None:
    assert f"`{reason.value}`" in DOCUMENT


@pytest.mark.parametrize("status", sorted(NEEDS_REVIEW))
def test_a_status_that_needs_a_person_is_a_reason(status: int) -> None:
    assert of_status(status).value == f"ORDER_STATUS_{status}"


def test_another_status_is_none() -> None:
    with pytest.raises(ValueError, match="ORDER_STATUS_6"):
        of_status(6)


@pytest.mark.parametrize("reason", AttentionReason)
def test_money_that_we_sent_back_is_looked_for(reason: AttentionReason) -> None:
    assert ATTENTION[reason].after_reversal is (reason in SENT_BACK)
