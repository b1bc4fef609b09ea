"""The two interfaces of the official-account backend (contract 2.3)."""

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request, Response

from api.access.gate import PayingCaller
from api.payments import pre_settle_fields as pre_settle_schema
from api.payments import settle_fields as settle_schema
from api.payments.answers import PRE_SETTLE_DATA, SETTLE_DATA, pre_settle_data, settle_data
from api.payments.terms import payment_terms
from api.services import Services, services_of
from api.web import documentation as doc
from api.web.body import read_fields
from api.web.envelope import success
from api.web.fields import Field, unknown_names
from api.web.p_json import Fields
from api.web.trace import trace_of
from domain.errors import ErrorCode

logger = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/v1/insurance", tags=["医保支付"])


@router.post(
    "/pre-settle",
    summary="医保支付下单",
    description=doc.described(
        "核价、上传费用明细(6201)、预结算(6202), 返回费用拆分。不发生扣款。",
        pre_settle_schema.TABLE,
        PRE_SETTLE_DATA,
    ),
    openapi_extra=doc.request_body(
        pre_settle_schema.TABLE,
        CATEGORY="1",
        CLINIC_ID="200001",
        ORDER_ID="",
        VISIT_ID="",
        TOTAL="25.00",
        medOrgOrd="REG20250101000001",
    ),
    responses=doc.answers(
        PRE_SETTLE_DATA,
        {
            "payOrdId": "PO2025010100000001",
            "feeSumamt": "128.50",
            "ownPayAmt": "25.70",
            "psnAcctPay": "25.70",
            "fundPay": "77.10",
            "patientTypeId": "1",
            "iptOtpNo": "MZ0001",
            "medOrgOrd": "ORD20250101000001",
            "balance": "500.00",
            "siPersonalNo": "14010000000000001",
        },
        {
            ErrorCode.MISSING_FIELD: "患者ID(PATIENT_ID)不能为空",
            ErrorCode.TOTAL_MISMATCH: "总金额(TOTAL)与医院费用合计不符: 下单128.51元, 医院128.50元",
            ErrorCode.ORDER_CONFLICT: "医院订单号(medOrgOrd)已用于另一笔交易: 总金额(TOTAL)不一致",
        },
    ),
)
async def pre_settle(request: Request, caller: PayingCaller) -> Response:
    services = services_of(request)
    fields = await _fields(request, pre_settle_schema.TABLE)
    order = pre_settle_schema.read_order(fields, caller.hospital.id)
    trace_of(request.scope).med_org_ord = order.med_org_ord
    answer = await services.payments.pre_settle(order, payment_terms(services.settings, caller.hospital))
    return success(pre_settle_data(answer))


@router.post(
    "/settle",
    summary="医保支付结果回写",
    description=doc.described(
        "患者付款后调用: 向医保中心查询结算结果(6301), 写入医院结算记录。未付款时返回NOT_PAID, 请稍后再调用。",
        settle_schema.TABLE,
        SETTLE_DATA,
    ),
    openapi_extra=doc.request_body(settle_schema.TABLE, VISIT_ID="", medOrgOrd="REG20250101000001"),
    responses=doc.answers(
        SETTLE_DATA,
        {
            "payOrdId": "PO2025010100000001",
            "medOrgOrd": "ORD20250101000001",
            "traceTime": "2025-01-01 10:20:30",
            "setlType": "ALL",
            "feeSumamt": "128.50",
            "ownPayAmt": "25.70",
            "psnAcctPay": "25.70",
            "revsToken": "RT2025010100000001",
            "fundPay": "77.10",
            "VISIT_ID": "V1",
        },
        {
            ErrorCode.NOT_PAID: "该订单尚未支付",
            ErrorCode.REVERSED: "医院未能入账, 医保和现金部分均已退回",
            ErrorCode.UNKNOWN_ORDER: "没有这个医院订单号(medOrgOrd)的订单",
        },
    ),
)
async def settle(request: Request, caller: PayingCaller) -> Response:
    services: Services = services_of(request)
    fields = await _fields(request, settle_schema.TABLE)
    wanted = settle_schema.read_settle_request(fields, caller.hospital.id)
    trace_of(request.scope).med_org_ord = wanted.med_org_ord
    answer = await services.payments.settle(wanted, payment_terms(services.settings, caller.hospital))
    return success(settle_data(answer, datetime.now(UTC)))


async def _fields(request: Request, table: Sequence[Field]) -> Fields:
    fields = await read_fields(request)
    unknown = unknown_names(fields, table)
    if unknown:
        logger.info("unknown_fields", names=unknown)
    return fields
