"""The payments of a campaign: what each caller, and each patient in the payment channel, does."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from domain.errors import ErrorCode
from domain.insurance import RefundType
from domain.orders import Category
from domain.values.fen import Fen, yuan
from simulator.insurance.control import PayOutcome
from tests.chaos.caller import PATIENCE_S as CALLER_PATIENCE_S
from tests.chaos.caller import Callers
from tests.chaos.plan import PATIENTS, UNINSURED_ID_NO, Story, WantedRefund, Wish
from tests.chaos.processes import Site
from tests.chaos.told import Answer, Promise
from tests.property.sides.centre import PAYABLE_NOW
from tests.support.waiting import comes_true

PATIENCE_S = 60.0
BETWEEN_S = 1.0
PARTY_S_MAX = 25.0
"""Longer than any delay or freeze: a caller that gave up a registration under way would make a second one itself."""

_UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
_CLOSED_AT_CENTRE = frozenset({12, 14, 15})


@dataclass
class Outside:
    """What happened beyond our API.

    `paid_at`: by payment, when the centre had said that the patient had paid, in seconds since the epoch.
    `paid_late`: the payments that were paid when the centre had closed them. `visits`: made by callers, by payment.
    """

    paid_at: dict[str, float] = field(default_factory=dict)
    paid_late: set[str] = field(default_factory=set)
    visits: dict[str, str] = field(default_factory=dict)


class Cast:
    """Callers, patients and the hospital's counter."""

    def __init__(self, site: Site, callers: Callers) -> None:
        self.site = site
        self.callers = callers
        self.outside = Outside()

    async def orders(self, wish: Wish) -> Answer:
        """Interface 1, until it is answered; the last answer."""
        patience_s = 0 if wish.story is Story.DESERTS else CALLER_PATIENCE_S
        quote = self.callers.pre_settle(wish, order_of(wish), patience_s)
        if wish.story is not Story.CANCELS_AT_ONCE:
            return await quote
        answer, _ = await asyncio.gather(quote, self._cancels_soon(wish))
        return answer

    async def goes_on(self, wish: Wish, quote: Answer) -> None:
        """What follows, to the last question about the payment."""
        if wish.story is Story.DESERTS:
            return
        if quote.promise is Promise.PAYABLE:
            await asyncio.sleep(wish.thinks_s)
            await _ACTS[wish.story](self, wish, quote)
        await self.ask_again(wish, quote)

    async def ask_again(self, wish: Wish, quote: Answer) -> None:
        """What was answered once is asked again, in turns."""
        for turn in range(wish.looks):
            await asyncio.sleep(BETWEEN_S * (turn + 1))
            if turn % 2 == 0:
                await self.callers.pre_settle(wish, order_of(wish), patience_s=5)
            if quote.pay_ord_id:
                await self.callers.settle(wish, self.settle_of(wish, quote.pay_ord_id), patience_s=5)
            await self.callers.look(wish, patience_s=5)

    async def patient_does(self, wish: Wish, quote: Answer, outcome: PayOutcome, *, notice: bool) -> bool:
        """In the channel, until the centre takes it or refuses; whether it took it. A closed order can only be paid."""
        order_url = f"{self.site.centre_url}/_sim/orders/{quote.pay_ord_id}"
        took: list[bool] = []

        async def is_answered() -> bool:
            try:
                before = await self._party("GET", order_url) or {}
                if outcome is not PayOutcome.PAID and before.get("ordStas") not in PAYABLE_NOW:
                    return True
                after = await self._party("POST", f"{order_url}/pay", {"outcome": outcome.value, "notify": notice})
            except _UNREACHABLE:
                return False
            if outcome is PayOutcome.PAID and after is not None and after["ordStas"] == 6:
                self.outside.paid_at.setdefault(wish.number, time.time())
                if before.get("ordStas") in _CLOSED_AT_CENTRE:
                    self.outside.paid_late.add(wish.number)
            took.append(after is not None)
            return True

        await comes_true(is_answered, PATIENCE_S, BETWEEN_S / 2)
        return took == [True]

    def settle_of(self, wish: Wish, pay_ord_id: str) -> dict[str, str]:
        """Interface 2."""
        visit = self.outside.visits.get(wish.number, "")
        if wish.category is Category.OUTPATIENT:
            visit = PATIENTS[wish.patient_id][1]
        facts = {"payOrdId": pay_ord_id, "PATIENT_ID": wish.patient_id, "medOrgOrd": wish.number}
        return facts | ({"VISIT_ID": visit} if visit else {})

    async def settles(self, wish: Wish, quote: Answer, *, until_paid: bool) -> Answer:
        """Interface 2; again and again while the payment is not paid, if the caller knows that it is."""
        if wish.hospital == "callers" and wish.category is Category.REGISTRATION:
            await self._registers(wish)
        answers: list[Answer] = []

        async def is_answered() -> bool:
            answers.append(await self.callers.settle(wish, self.settle_of(wish, quote.pay_ord_id)))
            return not until_paid or answers[-1].code != ErrorCode.NOT_PAID

        await comes_true(is_answered, PATIENCE_S, BETWEEN_S)
        return answers[-1]

    async def _registers(self, wish: Wish) -> None:
        """The caller makes the visit in HIS, once: it asks before it repeats."""
        his = self.site.his_url
        facts = {"medOrgOrd": wish.number, "PATIENT_ID": wish.patient_id, "CLINIC_ID": wish.bill}

        async def is_registered() -> bool:
            if wish.number in self.outside.visits:
                return True
            for name, body in (("registration-query", {"medOrgOrd": wish.number}), ("register", facts)):
                try:
                    answer = await self._party("POST", f"{his}/{name}", body)
                except _UNREACHABLE:
                    break
                visit = ((answer or {}).get("DATA") or {}).get("VISIT_ID")
                if visit:
                    self.outside.visits[wish.number] = visit
                    break
                if (answer or {}).get("CODE") != 0:
                    break
            return wish.number in self.outside.visits

        await comes_true(is_registered, PATIENCE_S, BETWEEN_S / 4)

    async def _cancels_soon(self, wish: Wish) -> None:
        await asyncio.sleep(wish.thinks_s / 10)
        await self.callers.cancel(wish)

    async def _party(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON of an answer; None for a refusal of the control calls."""
        limit = aiohttp.ClientTimeout(total=PARTY_S_MAX)
        async with self.callers.session.request(method, url, json=body, timeout=limit) as response:
            if response.status in {404, 409}:
                return None
            response.raise_for_status()
            return await response.json(content_type=None)


Act = Callable[[Cast, Wish, Answer], Coroutine[Any, Any, None]]


async def _pays(cast: Cast, wish: Wish, quote: Answer) -> None:
    await cast.patient_does(wish, quote, PayOutcome.PAID, notice=wish.notice)
    await cast.settles(wish, quote, until_paid=True)


async def _only_pays(cast: Cast, wish: Wish, quote: Answer) -> None:
    await cast.patient_does(wish, quote, PayOutcome.PAID, notice=wish.notice)


async def _is_refunded(cast: Cast, wish: Wish, quote: Answer) -> None:
    await _pays(cast, wish, quote)
    for refund in wish.refunds:
        await cast.callers.refund(wish, refund_of(wish, refund))


async def _never_pays(cast: Cast, wish: Wish, quote: Answer) -> None:
    await cast.settles(wish, quote, until_paid=False)


async def _pays_at_the_last_moment(cast: Cast, wish: Wish, quote: Answer) -> None:
    # The window began when the quote was made, at most the call's length ago.
    closes_at = quote.at + cast.site.settings.payment_window_s
    await asyncio.sleep(max(0.0, closes_at - 1.5 + wish.thinks_s / 2 - time.time()))
    await _pays(cast, wish, quote)


async def _pays_late(cast: Cast, wish: Wish, quote: Answer) -> None:
    closes_at = quote.at + cast.site.settings.payment_window_s
    await asyncio.sleep(max(0.0, closes_at + 3 + 3 * wish.thinks_s - time.time()))
    await _pays(cast, wish, quote)


async def _cancels(cast: Cast, wish: Wish, _quote: Answer) -> None:
    await cast.callers.cancel(wish)


async def _cancels_and_pays(cast: Cast, wish: Wish, quote: Answer) -> None:
    pays = cast.patient_does(wish, quote, PayOutcome.PAID, notice=wish.notice)
    await asyncio.gather(cast.callers.cancel(wish), pays)
    await cast.settles(wish, quote, until_paid=False)


async def _declines(cast: Cast, wish: Wish, quote: Answer) -> None:
    await cast.patient_does(wish, quote, PayOutcome.DECLINED, notice=wish.notice)
    await cast.settles(wish, quote, until_paid=False)


async def _ends_abnormally(cast: Cast, wish: Wish, quote: Answer) -> None:
    await cast.patient_does(wish, quote, PayOutcome.ABNORMAL, notice=wish.notice)
    await cast.settles(wish, quote, until_paid=False)


_ACTS: dict[Story, Act] = {
    Story.PAYS: _pays,
    Story.AUTO_FINISH: _only_pays,
    Story.REFUNDED: _is_refunded,
    Story.NEVER_PAYS: _never_pays,
    Story.LAST_MOMENT: _pays_at_the_last_moment,
    Story.LATE: _pays_late,
    Story.CANCELS: _cancels,
    Story.CANCELS_AT_ONCE: _never_pays,
    Story.CANCELS_AND_PAYS: _cancels_and_pays,
    Story.DECLINES: _declines,
    Story.ABNORMAL: _ends_abnormally,
    Story.WRONG_TOTAL: _never_pays,
    Story.UNINSURED: _never_pays,
}


def order_of(wish: Wish) -> dict[str, str]:
    """Interface 1."""
    registration = wish.category is Category.REGISTRATION
    total_fen = wish.total_fen + (1 if wish.story is Story.WRONG_TOTAL else 0)
    id_no = UNINSURED_ID_NO if wish.story is Story.UNINSURED else PATIENTS[wish.patient_id][0]
    facts = {
        "payAuthNo": f"AUTH-{wish.number}",
        "uldLatlnt": "116.40,39.90",
        "PATIENT_ID": wish.patient_id,
        "CATEGORY": wish.category.value,
        "ID_NO": id_no,
        "medOrgOrd": wish.number,
        "TOTAL": yuan(Fen(total_fen)),
    }
    return facts | ({"CLINIC_ID": wish.bill} if registration else {"ORDER_ID": wish.bill})


def refund_of(wish: Wish, refund: WantedRefund) -> dict[str, str]:
    """A refund's request."""
    facts = {
        "refundNo": refund.number,
        "type": refund.kind.value,
        "payAuthNo": f"AUTH-{wish.number}-{refund.number}",
        "reason": "退药",
    }
    part = refund.kind is RefundType.CASH and refund.fen is not None
    return facts | ({"amount": yuan(refund.fen)} if part and refund.fen is not None else {})
