"""Builds the OpenAPI parts that make /docs the integrators' interface document: field tables, examples, answers."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic.fields import FieldInfo

from api.web.envelope import ERROR_HEADER, REQUEST_ID_HEADER
from api.web.errors import STATUS
from api.web.models import Answer, CallModel, DataModel, chars_max_of, fields_of, sample_of
from domain.errors import ErrorCode

Response = dict[str, Any]
Answers = dict[int | str, Response]

INTRODUCTION = """\
医保移动支付: 医院侧提供给公众号后台的接口。

1. **医保支付下单** `POST /api/v1/insurance/pre-settle`: 核价、上传费用明细、预结算, 返回费用拆分。此时不发生扣款。
2. **医保支付结果回写** `POST /api/v1/insurance/settle`: 患者付款后调用, 确认医保结算并写入医院结算记录。

**鉴权** 每次调用带 `Authorization: Bearer <key>`, 密钥由医院侧发放。要求签名的密钥另带 \
`X-Timestamp`(Unix秒, 相差不超过5分钟)、`X-Nonce`(16至64位, 每次不同)、`X-Signature`: 以签名密钥对五行文本\
(请求方法、路径和查询串、时间戳、随机数、请求体的SHA-256, 用换行符连接)计算HMAC-SHA256; 摘要和签名均为十六进制。

**输入** 三种形式等价: JSON对象; `{"P_JSON": {…}}` 或 `{"P_JSON": "<JSON文本>"}`; 表单 `P_JSON=<JSON文本>`。\
UTF-8编码, 不超过1MB。字段名和值两端的空格会去除; 值可为字符串或数字; 未知字段忽略。

**输出** 成功 `{"CODE": 0, "MSG": "", "DATA": {…}}`; 失败 `{"CODE": -1, "MSG": "错误提示"}`。\
DATA中的值都是字符串, 金额以元为单位, 两位小数。\
响应头 `X-Error-Code` 给出机器可读的原因, `X-Request-Id` 给出本次请求的编号, 排查问题时请提供。

**重复调用是安全的** 同一医院订单号(medOrgOrd)、同样内容的重复下单得到同一个结果, 不会重复扣款。\
收到202、429或503, 或网络中断时, 按 `Retry-After` 用同样的内容再调用一次即可。

- **202** 已受理, 处理仍在继续, 结果未定: 再次调用会接上同一笔处理。
- **429** 本次调用没有开始任何处理; 同一订单此前已受理的处理不受影响。
- **503** 支付服务的数据库或Temporal不可用, 无法确认本次调用是否受理: 恢复后再次调用即知。

## X-Error-Code
"""

ERRORS: Mapping[ErrorCode, str] = {
    ErrorCode.INVALID_FIELD: "字段格式或取值不正确",
    ErrorCode.MISSING_FIELD: "缺少必填字段",
    ErrorCode.MALFORMED_JSON: "请求内容不是JSON对象 (HTTP 422)",
    ErrorCode.PATIENT_MISMATCH: "身份证号、姓名、就诊或处方不是该患者的",
    ErrorCode.TOTAL_MISMATCH: "总金额与医院费用合计不符",
    ErrorCode.BILL_NOT_FOUND: "医院没有这个号类、处方或患者",
    ErrorCode.BILL_ALREADY_PAID: "该费用已支付",
    ErrorCode.ORDER_CONFLICT: "医院订单号已用于另一笔交易, 所给信息与该订单不一致, 或该费用的另一笔订单尚未结束",
    ErrorCode.INSURANCE_REFUSED: "医保中心拒绝, MSG为医保中心的原话",
    ErrorCode.HIS_REFUSED: "医院信息系统拒绝",
    ErrorCode.INSURANCE_UNAVAILABLE: "医保中心在时限内未响应, 或处理曾被中断; 未扣款, 该订单已结束",
    ErrorCode.HIS_UNAVAILABLE: "医院信息系统或支付服务在时限内未完成核价; 未扣款, 该订单已结束",
    ErrorCode.AMOUNT_INCONSISTENT: "医保中心返回的金额前后不一致",
    ErrorCode.UNKNOWN_ORDER: "没有这个订单",
    ErrorCode.NOT_PAID: "患者尚未付款, 请稍后再调用",
    ErrorCode.NOT_REFUNDABLE: "该订单不能退费: 未结算, 已全部退回, 或该部分由支付渠道退款",
    ErrorCode.REFUND_EXCEEDS_PAID: "退款金额超过可退金额",
    ErrorCode.REFUND_CONFLICT: "退款单号已用于另一笔退款, 或另一笔退款正在进行",
    ErrorCode.EXPIRED: "超过支付期限, 订单已撤销",
    ErrorCode.CANCELLED: "订单已取消",
    ErrorCode.REVERSED: "医院未能入账, 款项已冲正; MSG说明退回了什么和还需做什么",
    ErrorCode.IN_REVIEW: "需要人工核查",
    ErrorCode.ACTION_REFUSED: "核查操作现在不安全或不适用, MSG说明原因",
    ErrorCode.PROCESSING: "已受理, 处理仍在继续, 请按Retry-After用同样的内容再调用 (HTTP 202)",
    ErrorCode.UNAUTHORIZED: "缺少或无效的密钥 (HTTP 401)",
    ErrorCode.FORBIDDEN: "密钥无权调用该接口 (HTTP 403)",
    ErrorCode.TOO_LARGE: "请求体过大 (HTTP 413)",
    ErrorCode.RATE_LIMITED: "调用过多或服务繁忙, 本次调用未受理, 请按Retry-After用同样的内容再调用 (HTTP 429)",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "请求格式不支持 (HTTP 415)",
    ErrorCode.UNAVAILABLE: "支付服务暂不可用, 请按Retry-After用同样的内容再调用 (HTTP 503)",
}
"""Every error code, explained to callers."""

_HEADERS = {
    ERROR_HEADER: {"description": "失败的原因代码", "schema": {"type": "string"}},
    REQUEST_ID_HEADER: {"description": "本次请求的编号", "schema": {"type": "string"}},
}
_FAILURE_SCHEMA = {
    "type": "object",
    "required": ["CODE", "MSG"],
    "properties": {"CODE": {"type": "integer", "enum": [-1]}, "MSG": {"type": "string"}},
}
_ALWAYS = (ErrorCode.UNAUTHORIZED, ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE)


def introduction() -> str:
    """The document's opening, with the table of error codes."""
    rows = [f"| `{code.value}` | {meaning} |" for code, meaning in ERRORS.items()]
    return "\n".join([INTRODUCTION, "| 代码 | 含义 |", "|---|---|", *rows])


def described(purpose: str, call: type[CallModel], data: type[DataModel]) -> str:
    """The text of a call: its purpose, the table of its fields, the table of its answer."""
    head = "| 字段 | 含义 | 必填 | 规则 |\n|---|---|---|---|"
    rows = [
        f"| `{name}` | {field.title} | {_required(field)} | {_cell(field.description or '')} |"
        for name, field in fields_of(call)
    ]
    return answering(f"{purpose}\n\n### 输入字段\n\n" + "\n".join([head, *rows]), data)


def answering(purpose: str, data: type[DataModel], heading: str = "返回DATA") -> str:
    """The text of a call without fields: its purpose and the table of its answer."""
    rows = [f"| `{name}` | {field.title} |" for name, field in fields_of(data)]
    return "\n".join([f"{purpose}\n\n### {heading}\n", "| 字段 | 含义 |", "|---|---|", *rows])


def request_body(
    call: type[CallModel], changes: Mapping[str, str], variant: tuple[str, str] = ("registration", "挂号")
) -> dict[str, Any]:
    """The three forms of a body with an example each, and one more example, the sample call with `changes`.

    `variant`: that example's name and Chinese title. An empty value leaves its field out.
    """
    fields, schema = sample_of(call), _json_schema(call)
    as_text = json.dumps(fields, ensure_ascii=False)
    changed = {name: changes.get(name, fields.get(name, "")) for name, _ in fields_of(call)}
    examples = {
        "object": {"summary": "JSON对象", "value": fields},
        "p_json_object": {"summary": "P_JSON中的JSON对象", "value": {"P_JSON": fields}},
        "p_json_text": {"summary": "P_JSON中的JSON文本", "value": {"P_JSON": as_text}},
        variant[0]: {"summary": variant[1], "value": {name: value for name, value in changed.items() if value}},
    }
    form = {"type": "object", "required": ["P_JSON"], "properties": {"P_JSON": {"type": "string", "example": as_text}}}
    wrapped = {
        "type": "object",
        "required": ["P_JSON"],
        "properties": {"P_JSON": {"oneOf": [schema, {"type": "string"}]}},
    }
    content = {
        "application/json": {"schema": {"oneOf": [schema, wrapped]}, "examples": examples},
        "application/x-www-form-urlencoded": {"schema": form},
    }
    return {"requestBody": {"required": True, "content": content}}


def plain_body(call: type[CallModel]) -> dict[str, Any]:
    """A JSON object only, for calls made by people's tools, although the other two forms are accepted as well."""
    content = {"application/json": {"schema": _json_schema(call), "example": sample_of(call)}}
    return {"requestBody": {"required": True, "content": content}}


def optional_body() -> dict[str, Any]:
    """The body of a call without fields."""
    content = {"application/json": {"schema": {"type": "object"}, "example": {}}}
    return {"requestBody": {"required": False, "content": content}}


def query(call: type[CallModel]) -> dict[str, Any]:
    """The parameters of a GET. Not declared to FastAPI, which would document a 422 in its own form for them."""
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"{field.title}: {field.description}",
            "schema": {"type": "string"},
        }
        for name, field in fields_of(call)
    ]
    return {"parameters": parameters}


def answers(
    data: type[DataModel], failures: Mapping[ErrorCode, str], changes: Mapping[str, str] | None = None
) -> Answers:
    """200 with a sample and examples of the business `failures`, and every transport failure.

    `changes`: values in the sample that differ from the fields' examples.
    """
    examples = {"success": _success({**sample_of(data), **(changes or {})}), **_failures(failures)}
    return {200: _answered(data, examples), **_transport(STATUS)}


def looked_up(data: type[DataModel], *failures: ErrorCode) -> Answers:
    """A GET's answers: 200 with a sample, and the transport `failures` beside the usual ones."""
    examples = {"success": _success(sample_of(data))}
    return {200: _answered(data, examples), **_transport([*_ALWAYS, *failures]), **_others()}


def listed(row: type[DataModel], failures: Mapping[ErrorCode, str], headers: Mapping[str, str]) -> Answers:
    """The answers of a GET whose DATA is an array. `headers`: those it has beside the usual ones."""
    examples = {"success": _success([sample_of(row)]), **_failures(failures)}
    response = _answered(list[row], examples)  # type: ignore[valid-type]  # known at run time
    own = {name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in headers.items()}
    return {200: {**response, "headers": {**_HEADERS, **own}}, **_transport(_ALWAYS), **_others()}


def with_success(answers: Answers, status: HTTPStatus, data: type[DataModel], changes: Mapping[str, str]) -> Answers:
    """The answers, where `status` may also mean that the call was done, with this flat DATA. `changes`: as above."""
    answer = answers[int(status)]
    sample = _success({**sample_of(data), **changes})
    examples = {"success": sample, **answer["content"]["application/json"]["examples"]}
    properties = {"CODE": {"enum": [0]}, "MSG": {"type": "string"}, "DATA": data.model_json_schema()}
    done = {"type": "object", "required": list(properties), "properties": properties}
    schema = {"anyOf": [done, _FAILURE_SCHEMA]}
    content = {"application/json": {"schema": schema, "examples": examples}}
    return {**answers, int(status): {**answer, "content": content}}


def failure_answer(code: ErrorCode) -> Response:
    """The answer of the failure `code`."""
    return _failed(ERRORS[code], {code.value: {"value": {"CODE": -1, "MSG": ERRORS[code].partition(" (HTTP")[0]}}})


def _required(field: FieldInfo) -> str:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return str(extra.get("x-required", "是" if field.is_required() else "否"))


def _cell(text: str) -> str:
    return text.replace("|", "&#124;")  # Swagger's Markdown does not understand \| in a table


def _json_schema(call: type[CallModel]) -> Response:
    """Says that a value may be a string or a number with blanks around it, which pydantic's own schema would not."""
    properties = {name: _property_schema(field) for name, field in fields_of(call)}
    required = [name for name, field in fields_of(call) if field.is_required()]
    return {"type": "object", "required": required, "properties": properties}


def _property_schema(field: FieldInfo) -> Response:
    schema: Response = {
        "type": ["string", "number"],
        "title": field.title,
        "description": field.description or "",
        "maxLength": chars_max_of(field),
    }
    for rule in field.metadata:
        if pattern := getattr(rule, "pattern", None):
            schema["pattern"] = f"^\\s*{pattern.strip('^$')}\\s*$"
    return schema


def _success(data: object) -> Response:
    return {"summary": "成功", "value": {"CODE": 0, "MSG": "", "DATA": data}}


def _failures(failures: Mapping[ErrorCode, str]) -> Response:
    return {
        code.value: {"summary": f"{ERROR_HEADER}: {code.value}", "value": {"CODE": -1, "MSG": message}}
        for code, message in failures.items()
    }


def _transport(failures: Iterable[ErrorCode]) -> Answers:
    return {int(STATUS.get(code, HTTPStatus.NOT_FOUND)): failure_answer(code) for code in failures}


def _others() -> Answers:
    """Also keeps FastAPI from documenting a 422 in its own form for path parameters."""
    return {"default": _failed("其他失败, 格式相同", {})}


def _answered(data: type, examples: Response) -> Response:
    """FastAPI adds the schema of `model`."""
    content = {"application/json": {"examples": examples}}
    return {"description": "业务结果", "headers": _HEADERS, "content": content, "model": Answer[data]}  # type: ignore[valid-type]  # known at run time


def _failed(description: str, examples: Response) -> Response:
    content = {"application/json": {"schema": _FAILURE_SCHEMA, "examples": examples}}
    return {"description": description, "headers": _HEADERS, "content": content}
