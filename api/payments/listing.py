"""A page of a hospital's payments (contract 2.4)."""

from typing import Any, Final

import structlog
from fastapi import APIRouter, Request, Response

from api.access.gate import AnyCaller
from api.payments import list_fields as schema
from api.payments.view import LINE, line_view
from api.services import services_of
from api.web import documentation as doc
from api.web.envelope import success
from api.web.fields import Field, unknown_names
from api.web.p_json import REPEATED, Fields
from domain.errors import ErrorCode
from storage.records import PaymentLine, Place

logger = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/v1/payments", tags=["查询"])

PAGE_ROWS: Final = 50
NEXT_CURSOR_HEADER: Final = "X-Next-Cursor"

_SAMPLE = {
    "medOrgOrd": "ORD20250101000001",
    "state": "PRE_SETTLED",
    "stateSince": "2025-01-01T02:20:30.000+00:00",
    "CATEGORY": "2",
    "CHANNEL": "WeChat",
    "TOTAL": "128.50",
    "payOrdId": "PO2025010100000001",
    "acceptedAt": "2025-01-01T02:20:29.000+00:00",
    "errorCode": "",
    "note": "",
}


def _parameter(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "in": "query",
        "required": False,
        "description": f"{field.label}: {field.rule}",
        "schema": {"type": "string"},
    }


@router.get(
    "",
    summary="支付列表",
    description=(
        f"本医院的支付, 按受理时间从新到旧, 每页{PAGE_ROWS}笔; 没有个人信息。DATA是数组。"
        f"还有下一页时, 响应头`{NEXT_CURSOR_HEADER}`给出它的cursor。"
        f"\n\n### 返回DATA中的每一笔\n\n{doc.data_table(LINE)}"
    ),
    openapi_extra={"parameters": [_parameter(field) for field in schema.TABLE]},
    responses=doc.list_answers(
        LINE,
        [_SAMPLE],
        {ErrorCode.INVALID_FIELD: "支付状态(state)只能是RECEIVED、PRICED、FEE_UPLOADED…"},
        {NEXT_CURSOR_HEADER: "下一页的cursor; 没有下一页时不出现"},
    ),
)
async def payment_page(request: Request, caller: AnyCaller) -> Response:
    fields = _fields(request)
    query, after = schema.read_query(fields, caller.hospital.id), schema.read_place(fields)
    async with services_of(request).database.read() as unit:
        # One more than a page tells whether there is another one.
        lines = await unit.payments.page(query, PAGE_ROWS + 1, after)
    answer = success([line_view(line) for line in lines[:PAGE_ROWS]])
    if len(lines) > PAGE_ROWS:
        answer.headers[NEXT_CURSOR_HEADER] = schema.cursor_of(_place(lines[PAGE_ROWS - 1]))
    return answer


def _place(line: PaymentLine) -> Place:
    return Place(accepted_at=line.accepted_at, med_org_ord=line.med_org_ord)


def _fields(request: Request) -> Fields:
    """The query's parameters. One that comes twice is told as such."""
    parameters = request.query_params
    fields = {name: REPEATED if len(parameters.getlist(name)) > 1 else parameters[name] for name in parameters}
    unknown = unknown_names(fields, schema.TABLE)
    if unknown:
        logger.info("unknown_fields", names=unknown)
    return fields
