"""Path parameters: a payment's medOrgOrd and a refund's refundNo. A malformed one is answered as unknown."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Request

from api.payments.schemas import OrderPath
from api.refunds.schemas import RefundPath
from api.web.errors import ApiError
from api.web.trace import trace_of
from domain.errors import ErrorCode, PaymentError

MedOrgOrdInPath = Annotated[str, Path(alias="medOrgOrd", title="医院订单号", description="医院订单号")]
RefundNoInPath = Annotated[str, Path(alias="refundNo", title="退款单号", description="退款单号")]


def order_acted_on(request: Request, med_org_ord: MedOrgOrdInPath) -> str:
    """The medOrgOrd, also noted in the request's trace. Raises `PaymentError` UNKNOWN_ORDER, with 200."""
    return _order(request, med_org_ord, HTTPStatus.OK)


def order_looked_at(request: Request, med_org_ord: MedOrgOrdInPath) -> str:
    """The medOrgOrd, also noted in the request's trace. Raises `PaymentError` UNKNOWN_ORDER, with 404."""
    return _order(request, med_org_ord, HTTPStatus.NOT_FOUND)


def refund_looked_at(refund_no: RefundNoInPath) -> str:
    """The refundNo. Raises `PaymentError` UNKNOWN_ORDER, with 404."""
    try:
        return RefundPath.read({"refundNo": refund_no}).refund_no
    except PaymentError:
        raise unknown_refund() from None


def unknown_order(status: HTTPStatus = HTTPStatus.OK) -> ApiError:
    """There is no such payment."""
    return ApiError(ErrorCode.UNKNOWN_ORDER, "没有这个医院订单号(medOrgOrd)的订单", status=status)


def unknown_refund() -> ApiError:
    """There is no such refund."""
    return ApiError(ErrorCode.UNKNOWN_ORDER, "没有这个退款单号(refundNo)的退款", status=HTTPStatus.NOT_FOUND)


def _order(request: Request, text: str, status: HTTPStatus) -> str:
    try:
        number = OrderPath.read({"medOrgOrd": text}).med_org_ord
    except PaymentError:
        raise unknown_order(status) from None
    trace_of(request.scope).med_org_ord = number
    return number
