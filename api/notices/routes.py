"""6302 结算结果通知: called by the centre, in the centre's own envelope and form of answer (protocol 3.1, 3.2)."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from api.access.gate import gate_of
from api.access.refusals import AccessRefused, report
from api.services import services_of
from api.web.body import charset_of, check_values, malformed, read_bytes
from api.web.envelope import ERROR_HEADER
from api.web.errors import RETRY_AFTER_S, STATUS, ApiError, check_unavailable
from api.web.trace import trace_of
from domain.errors import ErrorCode, PaymentError
from domain.values.written import answered_text, looks_like_gbk
from gateways.exact_json import parse_object
from gateways.insurance.notice import HEAD

router = APIRouter(prefix="/api/v1/insurance", tags=["医保中心通知"])

_DESCRIPTION = """\
医保中心调用: 加密加签报文(appId, encType, signType, version, timestamp, encData, signData), \
内容同6301的返回, callType 02。不需要访问密钥, 必须有医保中心的有效签名, timestamp与当前时间相差不超过15分钟。

通知只是提示: 收到后记录, 并由支付流程查询6301, 以查询结果为准。重复、迟到、乱序、未知订单的通知都可以接受。\
已关闭未付款的订单会重新查询, 如已到账则转人工核查。

`success`为false且HTTP状态为503或429时, 请按Retry-After重发。
"""
_SAMPLE = {
    "appId": "8A06878F7C9782F5D6CA50198152787E",
    "encType": "SM4",
    "signType": "SM2",
    "version": "2.0.1",
    "timestamp": "20250101102030",
    "encData": "16进制密文",
    "signData": "BASE64签名",
}
_REQUEST = {
    "type": "object",
    "required": list(HEAD),
    "properties": {name: {"type": ["string", "number"]} for name in _SAMPLE},
}
_REQUEST_BODY = {"required": True, "content": {"application/json": {"schema": _REQUEST, "example": _SAMPLE}}}
_ANSWER = {
    "type": "object",
    "required": ["success", "message"],
    "properties": {"success": {"type": "boolean"}, "message": {"type": "string"}},
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {
            "application/json": {"schema": _ANSWER, "example": {"success": status == HTTPStatus.OK, "message": message}}
        },
    }
    for status, description, message in (
        (200, "已接受", "已转交支付流程, 向医保中心核实(6301)"),
        (400, "报文头或内容缺字段, 或timestamp等字段格式不正确", "报文头字段缺失: signData"),
        (401, "验签或解密失败, 或时间戳过期", "验签或解密失败: appId, encData, signData"),
        (413, "请求体过大", "请求体不能超过64KB"),
        (422, "不是JSON对象", "报文不是JSON对象"),
        (429, "此地址未通过验签的调用过于频繁, 或服务繁忙", "未通过鉴权的调用过于频繁"),
        (503, "暂时无法处理, 请稍后重发", "支付服务暂不可用, 请稍后重发"),
    )
}
BODY_BYTES_MAX = 64 * 1024
"""A notice has the fields of 6301's answer, a few hundred bytes."""
_DISTRUSTED = frozenset(
    {
        ErrorCode.UNAUTHORIZED,
        ErrorCode.MISSING_FIELD,
        ErrorCode.INVALID_FIELD,
        ErrorCode.MALFORMED_JSON,
        ErrorCode.TOO_LARGE,
    }
)
"""What a centre hardly ever sends: whoever does so often has no key, and is held back."""
_RETRYABLE = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})


@router.post(
    "/settlement-notice",
    summary="医保结算结果通知(6302)",
    description=_DESCRIPTION,
    openapi_extra={"requestBody": _REQUEST_BODY},
    responses=_ANSWERS,
)
async def settlement_notice(request: Request) -> Response:
    try:
        return _answer(message=await _take(request))
    except PaymentError as error:
        if isinstance(error, AccessRefused):
            report(request, error)
        trace_of(request.scope).error_code = error.code.value
        return _refusal(error)
    except (SQLAlchemyError, OSError) as error:
        check_unavailable(error)
        trace_of(request.scope).error_code = ErrorCode.UNAVAILABLE.value
        return _refusal(PaymentError(ErrorCode.UNAVAILABLE, "支付服务的数据库暂不可用, 请稍后重发"))


async def _take(request: Request) -> str:
    """Handle the notice. What was done about it, in Chinese. Raises `PaymentError`."""
    services, gate, now = services_of(request), gate_of(request), datetime.now(UTC)
    gate.admit_keyless(request)
    try:
        opened = await services.door.open(await _envelope(request), now)
    except PaymentError as error:
        if error.code in _DISTRUSTED:
            gate.count_refusal(request)
        raise
    trace = trace_of(request.scope)
    trace.hospital, trace.med_org_ord = opened.hospitals[0].id, opened.notice.med_org_ord
    return await services.notices.take(opened, now)


async def _envelope(request: Request) -> dict[str, Any]:
    """Numbers keep their text, which is what is signed. Raises `PaymentError` TOO_LARGE or MALFORMED_JSON."""
    content = await read_bytes(request, BODY_BYTES_MAX)
    check_values(content)
    try:
        return parse_object(answered_text(content, charset_of(request)))
    except UnicodeDecodeError:
        likeness = ", 疑为GBK" if looks_like_gbk(content) else ""
        raise malformed(f"报文不是UTF-8编码{likeness}, 报文头(Content-Type)也未注明编码") from None
    except (ValueError, RecursionError):
        raise PaymentError(ErrorCode.MALFORMED_JSON, "报文不是JSON对象") from None


def _answer(*, message: str) -> JSONResponse:
    return JSONResponse({"success": True, "message": message})


def _refusal(error: PaymentError) -> JSONResponse:
    status = error.status if isinstance(error, ApiError) else None
    status = status or STATUS.get(error.code, HTTPStatus.BAD_REQUEST)
    headers = {ERROR_HEADER: error.code.value}
    if status in _RETRYABLE:
        retry_after_s = error.retry_after_s if isinstance(error, ApiError) else None
        headers["Retry-After"] = str(retry_after_s or RETRY_AFTER_S)
    return JSONResponse({"success": False, "message": error.message}, status_code=status, headers=headers)
