"""The simulated centre as its transactions see it: configuration, records, clock, and common checks."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.values.china_time import to_china
from simulator.core.store import Verdict
from simulator.insurance.config import CentreConfig
from simulator.insurance.orders import CentreOrder, Orders
from simulator.insurance.people import People, document_named
from simulator.insurance.wire import CentreRefusal

AUTHORISATION_MISUSED = 114
"""The code that real centres answer for a payAuthNo used by another order."""


@dataclass(frozen=True)
class Outcome:
    """`data`: to be sealed into the answer. `pay_ord_id`: of the order that the call created."""

    data: dict[str, Any]
    verdict: Verdict = Verdict.APPLIED
    pay_ord_id: str = ""


@dataclass(frozen=True)
class Centre:
    config: CentreConfig
    connection: sqlite3.Connection
    clock: Callable[[], datetime]
    orders: Orders = field(init=False)
    people: People = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "orders", Orders(self.connection))
        object.__setattr__(self, "people", People(self.connection))

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """One transaction: a refusal, or a kill, leaves the records as they were."""
        self.connection.execute("BEGIN IMMEDIATE")
        with self.connection:
            yield

    def now(self) -> str:
        """`yyyy-MM-dd HH:mm:ss`, UTC+8."""
        return to_china(self.clock())

    def check_hospital(self, org_codg: str) -> None:
        if org_codg != self.config.org_codg:
            raise CentreRefusal("定点医药机构编码不正确: orgCodg")

    def check_document(self, id_no: str, id_type: str) -> None:
        """The idType that this centre has for the number's document."""
        if id_type not in self.config.id_types.values():
            raise CentreRefusal("证件类型不支持: idType")
        if id_type != self.config.id_types.get(document_named(id_no)):
            raise CentreRefusal("证件类型与证件号码不符: idType")

    def order(self, pay_ord_id: str) -> CentreOrder:
        order = self.orders.find(pay_ord_id)
        if order is None:
            raise CentreRefusal("支付订单不存在: payOrdId")
        return order

    def check_token(self, order: CentreOrder, pay_token: str) -> None:
        if not secrets.compare_digest(order.pay_token.encode(), pay_token.encode()):
            raise CentreRefusal("支付订单token不正确: payToken")

    def take_authorisation(self, pay_auth_no: str, med_org_ord: str) -> None:
        """Raises `CentreRefusal` if the payAuthNo was used for another medOrgOrd."""
        if not self.orders.take_authorisation(pay_auth_no, med_org_ord):
            raise CentreRefusal("支付授权码已用于其他订单: payAuthNo", AUTHORISATION_MISUSED)
