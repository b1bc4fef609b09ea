"""Interface 2, 医保支付结果回写 (formal settlement): what a caller sends, and what makes it a valid request."""

from dataclasses import replace

from api.payments.order_fields import CHANNEL, MED_ORG_ORD, PATIENT_ID, VISIT_ID, read_channel
from api.web.fields import Field
from api.web.p_json import Fields
from domain.orders import Category, Order, Registers, SettleRequest

PAY_ORD_ID = Field("payOrdId", "医保订单号", "PO2025010100000001", rule="医保支付下单返回的payOrdId")

TABLE = (
    PAY_ORD_ID,
    replace(PATIENT_ID, rule="必须是该订单的患者"),
    replace(
        VISIT_ID,
        example="V1",
        required="CATEGORY=2时",
        rule="挂号(CATEGORY=1)可不填, 由支付服务在扣款后登记, 并在返回的VISIT_ID中给出",
    ),
    MED_ORG_ORD,
    replace(CHANNEL, rule="如提供, 必须与下单时一致"),
)


def read_settle_request(fields: Fields, hospital: str) -> SettleRequest:
    """Raises `PaymentError` MISSING_FIELD or INVALID_FIELD for the first field, in the table's order, that is wrong.

    Whether VISIT_ID may be left out is for `check_visit_id`: only the payment knows.
    """
    return SettleRequest(
        hospital=hospital,
        pay_ord_id=PAY_ORD_ID.demand(fields),
        patient_id=PATIENT_ID.demand(fields),
        visit_id=VISIT_ID.read(fields),
        med_org_ord=MED_ORG_ORD.demand(fields),
        channel=read_channel(fields),
    )


def check_visit_id(request: SettleRequest, order: Order, registers: Registers) -> None:
    """Raise `PaymentError` MISSING_FIELD unless VISIT_ID is given, or we are the ones who register (product rule 9)."""
    we_register = order.category is Category.REGISTRATION and registers is Registers.MEDPAY
    if request.visit_id is None and not we_register:
        raise VISIT_ID.missing()
