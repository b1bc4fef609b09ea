"""The port to the insurance centre. Every method raises `Refused`, `NotSent` or `Unknown`."""

from datetime import datetime
from typing import Protocol

from domain.base import Frozen
from domain.bills import Bill
from domain.errors import Transaction
from domain.insurance import OrderReference, OrderStatus, PlacedOrder, RefundAnswer, RefundType, Split, UploadedFees
from domain.orders import Order
from domain.values.fen import Fen


class OrderPlacement(Frozen):
    """6202's request. `org_biz_ser`: new for every call. `chrg_bchno`: the one of 6201."""

    pay_auth_no: str
    org_biz_ser: str
    chrg_bchno: str
    uploaded: UploadedFees


class RefundRequest(Frozen):
    """6203's request, with exactly one of `revs_token` (a reversal) and `pay_auth_no` (a refund).

    `app_refd_sn`: our refund number, the idempotency key. `parts`: how much of each part goes back.
    """

    pay_ord_id: str
    app_refd_sn: str
    requested_at: datetime
    refund_type: RefundType
    parts: Split
    total_fen: Fen
    revs_token: str = ""
    pay_auth_no: str = ""
    reason: str = ""


class InsuranceCentre(Protocol):
    def timeout_s(self, transaction: Transaction) -> float:
        """The limit of one call, in seconds. A call may still take effect until twice that time has passed."""

    async def upload_fees(self, order: Order, bill: Bill, chrg_bchno: str) -> UploadedFees:
        """6201."""

    async def place_order(self, placement: OrderPlacement) -> PlacedOrder:
        """6202."""

    async def query_order(self, reference: OrderReference) -> OrderStatus:
        """6301."""

    async def revoke_order(self, reference: OrderReference) -> None:
        """6401."""

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """6203."""
