"""The insurance centre over HTTP: calls are sealed, answers verified, outcomes classified (product rule 4)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog

from domain.bills import Bill
from domain.errors import Refused, Transaction, Unknown
from domain.insurance import OrderReference, OrderStatus, PlacedOrder, RefundAnswer, UploadedFees
from domain.orders import Order
from gateways.http import JsonPoster, JsonReply, shown
from gateways.insurance import answers, requests
from gateways.insurance.envelope import (
    EnvelopeError,
    OpenedAnswer,
    contradicts,
    hospital_envelope,
    is_accepted,
    protocol_code,
    protocol_message,
)
from gateways.insurance.port import OrderPlacement, RefundRequest
from gateways.insurance.profile import CentreProfile, HospitalAccount
from security.crypto.sm import Signer
from security.tls import client_tls

logger = structlog.get_logger(__name__)

_BUSY = frozenset({408, 425, 429})
_SECRET_FIELDS = ("payAuthNo", "ecToken", "revsToken", "payToken", "idNo", "userName", "psnNo")
Parsed = TypeVar("Parsed")


class HttpInsuranceCentre:
    """One hospital's connection to its centre. Raises ValueError for keys or an appId that can't be used."""

    def __init__(
        self, http: JsonPoster, profile: CentreProfile, account: HospitalAccount, signer: Signer | None = None
    ) -> None:
        """`signer`: by default the account's own private key."""
        self._http = http
        self._profile = profile
        self._org_codg = account.org_codg
        self._tls = client_tls(profile.tls)
        self._envelope = hospital_envelope(profile, account, signer)

    def timeout_s(self, transaction: Transaction) -> float:
        """The limit of one call by the centre's profile, in seconds."""
        return self._profile.timeout_s(transaction)

    async def upload_fees(self, order: Order, bill: Bill, chrg_bchno: str) -> UploadedFees:
        """6201."""
        data = requests.upload_fees(order, bill, chrg_bchno, self._profile, self._org_codg)
        return await self._call(
            Transaction.UPLOAD_FEES,
            data,
            lambda answer: answers.uploaded_fees(answer, order.med_org_ord, bill.fees.mdtrt_id),
        )

    async def place_order(self, placement: OrderPlacement) -> PlacedOrder:
        """6202."""
        data = requests.place_order(placement, self._profile, self._org_codg)
        pay_ord_id = placement.uploaded.pay_ord_id
        return await self._call(Transaction.PLACE_ORDER, data, lambda answer: answers.placed_order(answer, pay_ord_id))

    async def query_order(self, reference: OrderReference) -> OrderStatus:
        """6301."""
        data, pay_ord_id = self._named(Transaction.QUERY_ORDER, reference), reference.pay_ord_id
        return await self._call(Transaction.QUERY_ORDER, data, lambda answer: answers.order_status(answer, pay_ord_id))

    async def revoke_order(self, reference: OrderReference) -> None:
        """6401."""
        data, pay_ord_id = self._named(Transaction.REVOKE_ORDER, reference), reference.pay_ord_id
        await self._call(Transaction.REVOKE_ORDER, data, lambda answer: answers.revocation(answer, pay_ord_id))

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """6203."""
        data = requests.refund(request, self._profile)
        return await self._call(
            Transaction.REFUND,
            data,
            lambda answer: answers.refund_answer(answer, request.pay_ord_id, request.app_refd_sn),
        )

    def _named(self, transaction: Transaction, reference: OrderReference) -> dict[str, str]:
        return requests.name_order(transaction, reference, self._profile, self._org_codg)

    async def _call(
        self, transaction: Transaction, data: dict[str, Any], parse: Callable[[answers.Data], Parsed]
    ) -> Parsed:
        """Judges the protocol code first, then the business code, then the data (protocol 3.1)."""
        url = self._profile.url.rstrip("/") + self._profile.path(transaction)
        body = await self._envelope.seal_request(data)
        reply = await self._http.post_json(transaction, url, body, self.timeout_s(transaction), self._tls)
        answer = await self._opened(transaction, reply)
        self._check_codes(transaction, reply, answer, data)
        try:
            return parse(answer.data)
        except answers.IllFormed as error:
            raise Unknown(transaction, f"医保中心答复的{error}缺失或不符, 结果未知", answered=True) from error

    async def _opened(self, transaction: Transaction, reply: JsonReply) -> OpenedAnswer:
        if reply.status in _BUSY:
            raise Unknown(transaction, f"医保中心繁忙(HTTP {reply.status}), 结果未知", answered=True)
        try:
            return await self._envelope.open_answer(reply.json)
        except EnvelopeError as error:
            logger.warning("answer_not_opened", transaction=transaction, reason=str(error))
            raise Unknown(transaction, "医保中心答复无法验签或解密, 结果未知", answered=True) from error

    def _check_codes(
        self, transaction: Transaction, reply: JsonReply, answer: OpenedAnswer, sent: Mapping[str, Any]
    ) -> None:
        if not is_accepted(answer.code):
            self._refuse(transaction, answer.code, answer.message, sent, confirmed=answer.signed)
        if not reply.ok or contradicts(reply.json):
            raise Unknown(transaction, "医保中心答复自相矛盾, 结果未知", answered=True)
        business_code = protocol_code(answer.data)
        if business_code is not None and not is_accepted(business_code):
            message = protocol_message(answer.data) or answer.message
            self._refuse(transaction, business_code, message, sent, confirmed=True)
        if contradicts(answer.data):
            raise Unknown(transaction, "医保中心答复自相矛盾, 结果未知", answered=True)

    def _refuse(
        self, transaction: Transaction, code: str, message: str, sent: Mapping[str, Any], *, confirmed: bool
    ) -> None:
        """Raise what an error code means. The centre's words are passed on, with the request's secrets masked."""
        reason = shown(code)
        words = shown(message, (sent.get(field, "") for field in _SECRET_FIELDS)) or f"医保中心未说明原因(代码{reason})"
        if code in self._profile.busy_codes:
            raise Unknown(transaction, words, answered=True)
        raise Refused(transaction, words, reason, confirmed=confirmed)
