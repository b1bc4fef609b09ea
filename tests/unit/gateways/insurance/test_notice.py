"""6302: only what the centre has signed, and signed just now, is read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.values.decimals import Numeral
from gateways.insurance.answers import IllFormed
from gateways.insurance.envelope import Envelope, EnvelopeError
from gateways.insurance.notice import FRESH_FOR, NoticeReader, SettlementNotice, StaleNotice, settlement_notice
from gateways.insurance.profile import CentreProfile
from security.crypto.sm import GmsslSigner, GmsslVerifier, KeyPair, generate_key_pair
from tests.support.values import centres

NOW = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
PAID = {"payOrdId": "ORD1", "medOrgOrd": "M1", "ordStas": "6", "callType": "02", "revsToken": "R"}

NO_TIMES = [
    *("soon", "9" * 40, "-" + "9" * 40, "202601050900", "2026-01-05T09:00:00", "1767574800.5", "0", "-1767574800"),
    *("1767574800000000", "20260230000000", "176757480", "17675748000"),
]


def centre(form: CentreProfile, sent_at: datetime = NOW, keys: KeyPair = centres.CENTRE_KEYS) -> Envelope:
    return Envelope(
        app_id=centres.ACCOUNT.app_id,
        app_secret=centres.ACCOUNT.app_secret,
        form=form,
        signer=GmsslSigner(keys.private_key_b64, form.sm2_user_id),
        verifier=GmsslVerifier(centres.HOSPITAL_KEYS.public_key_b64, form.sm2_user_id),
        clock=lambda: sent_at,
    )


async def stamped(form: CentreProfile, timestamp: str | int) -> dict[str, Any]:
    """A notice of the centre with this timestamp."""
    envelope = centre(form)
    envelope._timestamp = lambda: timestamp  # type: ignore[method-assign]
    return await envelope.seal_request(PAID)


async def read(body: dict[str, Any], form: CentreProfile | None = None) -> SettlementNotice:
    return await NoticeReader(form or centres.profile(), centres.ACCOUNT).read(body, NOW)


class TestTheCentresOwn:
    @pytest.mark.parametrize("timestamp", ["datetime", "epoch_ms", "epoch_s"])
    @pytest.mark.parametrize("numbers", ["string", "json"])
    async def test_is_read_in_every_form(self, timestamp: str, numbers: str) -> None:
        form = centres.profile(timestamp=timestamp, numbers=numbers)
        body = await centre(form).seal_request(PAID)
        notice = await read(body, form)
        assert notice.model_copy(update={"signature_digest": ""}) == SettlementNotice(
            pay_ord_id="ORD1", med_org_ord="M1", ord_stas="6"
        )

    @pytest.mark.parametrize("timestamp", ["datetime", "epoch_ms", "epoch_s"])
    @pytest.mark.parametrize(
        "text",
        [
            *(
                "20260105090000",
                "2026-01-05 09:00:00",
                "1767574800",
                "1767574800000",
                "1.7675748E12",
                " 20260105090000 ",
            ),
            *(1767574800, Numeral("1.7675748E+12"), Numeral("1767574800.0")),
        ],
    )
    async def test_is_read_whatever_form_its_time_has(self, timestamp: str, text: str | int) -> None:
        form = centres.profile(timestamp=timestamp)
        assert (await read(await stamped(form, text), form)).pay_ord_id == "ORD1"

    async def test_is_known_again_however_it_is_spelt(self) -> None:
        body = await centre(centres.profile()).seal_request(PAID)
        again = {**dict(reversed(body.items())), "encData": body["encData"].lower(), "extra": "x", "note": ""}
        assert (await read(again)).signature_digest == (await read(body)).signature_digest
        told_again = await centre(centres.profile()).seal_request(PAID)
        assert (await read(told_again)).signature_digest != (await read(body)).signature_digest

    @pytest.mark.parametrize("timestamp", ["datetime", "epoch_ms", "epoch_s"])
    @pytest.mark.parametrize("off", [FRESH_FOR, -FRESH_FOR])
    async def test_is_fresh_for_a_while(self, timestamp: str, off: timedelta) -> None:
        form = centres.profile(timestamp=timestamp)
        assert await read(await centre(form, NOW + off).seal_request(PAID), form)

    @pytest.mark.parametrize("timestamp", ["datetime", "epoch_ms", "epoch_s"])
    @pytest.mark.parametrize("off", [FRESH_FOR + timedelta(seconds=1), -FRESH_FOR - timedelta(seconds=1)])
    async def test_is_stale_after_it(self, timestamp: str, off: timedelta) -> None:
        form = centres.profile(timestamp=timestamp)
        body = await centre(form, NOW + off).seal_request(PAID)
        with pytest.raises(StaleNotice):
            await read(body, form)


class TestAnythingElse:
    async def test_of_a_stranger_is_not_believed(self) -> None:
        form = centres.profile()
        with pytest.raises(EnvelopeError, match="signature"):
            await read(await centre(form, keys=generate_key_pair()).seal_request(PAID))

    async def test_with_a_newer_time_put_on_it_is_not_believed(self) -> None:
        old = await centre(centres.profile(), NOW - timedelta(hours=1)).seal_request(PAID)
        fresh = await centre(centres.profile()).seal_request(PAID)
        with pytest.raises(EnvelopeError, match="signature"):
            await read({**old, "timestamp": fresh["timestamp"]})

    @pytest.mark.parametrize("change", [{"encData": "ZZ"}, {"encData": "00" * 16}, {"encData": 7}, {"signData": "!"}])
    async def test_that_cannot_be_opened_is_not_believed(self, change: dict[str, object]) -> None:
        body = await centre(centres.profile()).seal_request(PAID)
        with pytest.raises(EnvelopeError):
            await read({**body, **change})

    @pytest.mark.parametrize("timestamp", ["datetime", "epoch_ms", "epoch_s"])
    @pytest.mark.parametrize(
        "text", ["soon", "9" * 40, "-" + "9" * 40, "202601050900", "2026-01-05T09:00:00", "1767574800.5"]
    )
    async def test_with_a_time_of_no_form_names_the_field(self, timestamp: str, text: str) -> None:
        form = centres.profile(timestamp=timestamp)
        with pytest.raises(IllFormed, match="timestamp"):
            await read(await stamped(form, text), form)

    @pytest.mark.parametrize("text", ["1000000000", "9999999999999", "20250105090000", "2026-01-05 01:00:00"])
    async def test_with_another_time_is_stale(self, text: str) -> None:
        with pytest.raises(StaleNotice):
            await read(await stamped(centres.profile(), text))


class TestWhatItSays:
    @pytest.mark.parametrize("ord_stas", ["6", " 6 ", "06", "6.0", Numeral("6"), Numeral("6E0")])
    def test_the_status_however_it_is_spelt(self, ord_stas: str) -> None:
        assert settlement_notice(PAID | {"ordStas": ord_stas}).ord_stas == "6"

    def test_without_what_nobody_sees(self) -> None:
        spelt = {"payOrdId": "\ufeffORD1\x00", "medOrgOrd": "M1\u200b", "orgCodg": "H1\x0b"}
        notice = settlement_notice(PAID | spelt)
        assert (notice.pay_ord_id, notice.med_org_ord, notice.org_codg) == ("ORD1", "M1", "H1")

    @pytest.mark.parametrize("name", ["orgCodg", "orgCode"])
    def test_names_the_hospital_where_the_centre_does(self, name: str) -> None:
        assert settlement_notice(PAID | {name: "H1"}).org_codg == "H1"

    @pytest.mark.parametrize("pay_ord_id", [None, "", " \x00", "X" * 129, "订单", "A B\u00a0C", {"a": "1"}])
    def test_without_an_order_is_refused(self, pay_ord_id: object) -> None:
        with pytest.raises(IllFormed, match="payOrdId"):
            settlement_notice(PAID | {"payOrdId": pay_ord_id})

    @pytest.mark.parametrize("text", ["", "M 1", "\x00", "x" * 65, "订单", None, ["M1"]])
    def test_without_a_usable_number_of_ours_is_kept_all_the_same(self, text: object) -> None:
        assert settlement_notice(PAID | {"medOrgOrd": text, "ordStas": text}) == SettlementNotice(pay_ord_id="ORD1")
