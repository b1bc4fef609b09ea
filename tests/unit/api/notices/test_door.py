"""Whose a notice is: by its appId, by its signature, and by the hospital's code where several share an account."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from api.notices.door import NoticeDoor, OpenedNotice
from api.web.errors import ApiError
from domain.errors import ErrorCode, PaymentError
from hospitals import Hospital
from security.crypto.sm import generate_key_pair
from tests.support.stack.api_server import centre_side
from tests.support.values import centres

NOW = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
PAID = {"payOrdId": "ORD1", "ordStas": "6"}


def hospital(name: str, **changes: Any) -> Hospital:
    facts = centres.ACCOUNT.model_dump() | {
        "id": name,
        "centre": centres.profile(),
        "his_url": "http://127.0.0.1:9",
    }
    return Hospital(**(facts | changes))


async def notice(data: dict[str, str] = PAID, timestamp: str | None = None) -> dict[str, Any]:
    envelope = centres.centre_side(centres.profile())
    envelope._clock = lambda: NOW
    if timestamp is not None:
        envelope._timestamp = lambda: timestamp  # type: ignore[method-assign]
    return await envelope.seal_request(data)


async def opened(body: dict[str, Any], *hospitals: Hospital) -> OpenedNotice:
    return await NoticeDoor(hospitals).open(body, NOW)


def names(found: Sequence[Hospital]) -> list[str]:
    return [hospital.id for hospital in found]


async def refused(body: dict[str, Any], *hospitals: Hospital) -> PaymentError:
    with pytest.raises(PaymentError) as told:
        await opened(body, *hospitals)
    return told.value


class TestTheHospital:
    async def test_is_the_one_with_the_app_id(self) -> None:
        other = hospital("other", app_id="B" * 32)
        assert names((await opened(await notice(), other, hospital("ours"))).hospitals) == ["ours"]

    async def test_is_the_one_whose_centre_has_signed(self) -> None:
        elsewhere = centres.profile(platform_public_key=generate_key_pair().public_key_b64)
        other = hospital("other", centre=elsewhere)
        assert names((await opened(await notice(), other, hospital("ours"))).hospitals) == ["ours"]

    async def test_is_one_of_those_that_share_an_account(self) -> None:
        found = await opened(await notice(), hospital("one"), hospital("two"))
        assert names(found.hospitals) == ["one", "two"]

    @pytest.mark.parametrize(("code", "left"), [("H2", ["two"]), ("H9", ["one", "two"]), ("", ["one", "two"])])
    async def test_is_the_one_that_is_named(self, code: str, left: list[str]) -> None:
        body = await notice(PAID | {"orgCodg": code})
        found = await opened(body, hospital("one", org_codg="H1"), hospital("two", org_codg="H2"))
        assert names(found.hospitals) == left

    async def test_costs_a_stranger_s_notice_one_verification(self) -> None:
        door = NoticeDoor(hospital(f"h{number}") for number in range(200))
        assert [len(accounts) for accounts in door._accounts.values()] == [1]


class TestWhatIsNotBelieved:
    async def test_is_unauthorized(self) -> None:
        stranger = await centre_side(generate_key_pair()).seal_request(PAID)
        for body in (stranger, await notice() | {"appId": "B" * 32}, await notice() | {"appId": {"a": "1"}}):
            assert (await refused(body, hospital("ours"))).code is ErrorCode.UNAUTHORIZED

    async def test_says_why_where_only_the_time_is_wrong(self) -> None:
        with pytest.raises(PaymentError, match="timestamp"):
            await NoticeDoor([hospital("ours")]).open(await notice(), datetime(2026, 1, 5, 2, 0, tzinfo=UTC))

    @pytest.mark.parametrize("name", ["appId", "timestamp", "encData", "signData"])
    async def test_is_malformed_without_its_head(self, name: str) -> None:
        body = await notice()
        for broken in ({**body, name: ""}, {key: value for key, value in body.items() if key != name}):
            told = await refused(broken, hospital("ours"))
            assert (told.code, name in told.message) == (ErrorCode.MISSING_FIELD, True)
            assert isinstance(told, ApiError)
            assert told.status == 400

    @pytest.mark.parametrize("timestamp", ["202601050900", "2026-01-05 09:00", "20260230090000", "soon"])
    async def test_is_malformed_with_a_time_of_no_form(self, timestamp: str) -> None:
        told = await refused(await notice(timestamp=timestamp), hospital("ours"))
        assert (told.code, "timestamp" in told.message) == (ErrorCode.INVALID_FIELD, True)
        assert isinstance(told, ApiError)
        assert told.status == 400

    @pytest.mark.parametrize("timestamp", ["20260105090000", "2026-01-05 09:00:00", "1767574800", "1767574800000"])
    async def test_is_believed_in_every_form_of_time(self, timestamp: str) -> None:
        assert names((await opened(await notice(timestamp=timestamp), hospital("ours"))).hospitals) == ["ours"]

    async def test_is_malformed_without_an_order(self) -> None:
        told = await refused(await notice({"ordStas": "6"}), hospital("ours"))
        assert (told.code, "payOrdId" in told.message) == (ErrorCode.INVALID_FIELD, True)
