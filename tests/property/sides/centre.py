"""The centre as the activities reach it in a run: our own gateway's requests and readers, the simulator's own books.

Sealing and HTTP are left out (one SM2 signature costs as much as a whole payment here); their tests are elsewhere.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from domain.errors import NotSent, Refused, Unknown
from domain.values.fen import parse_yuan, yuan
from gateways.insurance import answers
from gateways.insurance.client import HttpInsuranceCentre
from gateways.insurance.profile import CentreProfile
from simulator.core.store import open_database
from simulator.insurance import orders, people
from simulator.insurance.centre import Centre
from simulator.insurance.config import CentreConfig
from simulator.insurance.control import PayOutcome, pay
from simulator.insurance.sealed import TRANSACTIONS
from simulator.insurance.wire import CentreRefusal
from tests.property.sides.clock import now
from tests.property.sides.faults import Faults, Kind, OnItsWay, WorkerDiedError

Parsed = TypeVar("Parsed")
Data = dict[str, Any]

ORG_CODG = "H14010000001"
PAYABLE_NOW = frozenset({1, 3})
"""ordStas at which a patient in the channel can go on: later is late money, a rule of its own."""

_NOTHING_HAPPENS = frozenset({Kind.LOST_BEFORE, Kind.REFUSED, Kind.DIES_BEFORE, Kind.UNDECIDED_BEFORE})


class CentreSide(HttpInsuranceCentre):
    """One run's centre. `serials`: the orgBizSer of each 6202 that left us.

    `not_told`: the payOrdIds of which 6301 was refused: what is there we may not know. `habits`: its own configuration.
    """

    def __init__(self, profile: CentreProfile, faults: Faults, **habits: str) -> None:
        self._profile = profile
        self._org_codg = ORG_CODG
        self._faults = faults
        self.on_its_way = OnItsWay()
        self.serials: list[str] = []
        self.not_told: set[str] = set()
        keys = dict.fromkeys(("private_key", "app_id", "app_secret", "hospital_public_key"), "-")
        own = {"org_codg": ORG_CODG, "cash_refunded_by": profile.cash_refunded_by}
        config = CentreConfig.model_validate({**keys, **own, **habits})
        connection = open_database(Path(":memory:"), orders.SCHEMA, people.SCHEMA)
        self.books = Centre(config, connection, now)

    def patient_pays(self, pay_ord_id: str, outcome: PayOutcome = PayOutcome.PAID) -> None:
        """If the order can be paid now."""
        order = self.books.orders.find(pay_ord_id)
        if order is not None and order.ord_stas in PAYABLE_NOW and order.split is not None:
            pay(self.books, order, outcome)

    def close(self) -> None:
        self.books.connection.close()

    async def _call(self, transaction: str, data: Data, parse: Callable[[answers.Data], Parsed]) -> Parsed:
        self.on_its_way.deliver()
        kind = self._faults.take(transaction)
        if kind is Kind.NOT_SENT:
            raise NotSent(transaction, "not sent")
        if transaction == "6202":
            self.serials.append(data["orgBizSer"])
        if transaction == "6301" and kind is Kind.REFUSED:
            self.not_told.add(data["payOrdId"])
        if kind is Kind.PAYS_BEFORE:
            self.patient_pays(data["payOrdId"])
        answer = self._answered(transaction, data, kind)
        if kind is Kind.PAYS_AFTER:
            self.patient_pays(data["payOrdId"])
        try:
            return parse(answer)
        except answers.IllFormed as error:
            raise Unknown(transaction, f"ill-formed: {error}") from error

    def _answered(self, transaction: str, data: Data, kind: Kind | None) -> Data:
        if kind is Kind.LATE:
            self.on_its_way.post(transaction, lambda: self._applied_anyhow(transaction, data))
        elif kind in _AFTER:
            self._applied_anyhow(transaction, data)
        elif kind not in _NOTHING_HAPPENS:
            answer = self._applied(transaction, data)
            return _one_fen_off(answer) if kind is Kind.WRONG_AMOUNT else answer
        return _spoken(transaction, data, kind)

    def _applied(self, transaction: str, data: Data) -> Data:
        try:
            with self.books.one_step():
                return TRANSACTIONS[transaction](self.books, data).data
        except CentreRefusal as refusal:
            raise Refused(transaction, refusal.message, str(refusal.code)) from refusal

    def _applied_anyhow(self, transaction: str, data: Data) -> None:
        try:
            self._applied(transaction, data)
        except Refused as refused:
            self.on_its_way.refused.append(str(refused))


_AFTER = frozenset({Kind.LOST_AFTER, Kind.REFUSED_AFTER, Kind.DIES_AFTER, Kind.UNDECIDED_AFTER})


def _spoken(transaction: str, data: Data, kind: Kind) -> Data:
    """What we hear of a call whose outcome is not told as it is."""
    if kind in {Kind.UNDECIDED_BEFORE, Kind.UNDECIDED_AFTER}:
        return {"payOrdId": data["payOrdId"], "appRefdSn": data["appRefdSn"], "refStatus": "EXP"}
    if kind in {Kind.DIES_BEFORE, Kind.DIES_AFTER}:
        raise WorkerDiedError(transaction)
    if kind in {Kind.REFUSED, Kind.REFUSED_AFTER}:
        raise Refused(transaction, "refused", confirmed=kind is Kind.REFUSED)
    raise Unknown(transaction, "no answer")


def _one_fen_off(answer: Data) -> Data:
    own = answer.get("ownPayAmt")
    return answer if own is None else {**answer, "ownPayAmt": yuan(parse_yuan(own) + 1)}
