"""Realistic log events, each with something in it that must not be shown: ours, and what libraries write about us."""

import json
from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp
import sqlalchemy.exc
from multidict import CIMultiDict
from pydantic import BaseModel, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError
from yarl import URL

ID_NO = "110101199003070134"
SMALL_X = "11010119900307109x"
OLD_ID_NO = "110101900307013"
NAME = "欧阳标记"
TOKEN = "TOKEN-MARKER-7f3a"
AUTH = "AUTH-MARKER-28e1"
PHONE = "13812345678"
SECRETS = (ID_NO, SMALL_X, OLD_ID_NO, NAME, "阳标记", TOKEN, AUTH, PHONE, "%E6%AC%A7%E9%98%B3", "\\u6b27\\u9633")
BODY = json.dumps({"data": {"idNo": ID_NO, "userName": NAME, "payToken": TOKEN}}, ensure_ascii=False)


class Person(BaseModel):
    id_no: int
    patient_name: str


@dataclass
class Account:
    app_secret: str
    holder: Person


class Row(NamedTuple):
    med_org_ord: str
    patient_name: str
    id_no: str


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(TOKEN)

    __repr__ = __str__


def refused_by_pydantic() -> Exception:
    try:
        Person.model_validate({"id_no": f"{ID_NO}{NAME}", "patient_name": [TOKEN]})
    except ValidationError as error:
        return error
    raise AssertionError("it is accepted")


def chained() -> Exception:
    """As a gateway's failure comes up: the cause, and what was being handled, with their own words."""
    try:
        try:
            raise KeyError("payToken", TOKEN)  # noqa: TRY301 - the chain is what is made here
        except KeyError as error:
            raise aiohttp.ClientPayloadError(f"400, message='Bad Request: {BODY}'") from error
    except aiohttp.ClientPayloadError as error:
        try:
            details = {"revsToken": TOKEN, "psnName": NAME}
            raise ApplicationError("6202 failed", details, type="Unknown") from error  # noqa: TRY301 - the same
        except ApplicationError as last:
            return last


def of_a_statement() -> Exception:
    """As SQLAlchemy tells it where `hide_parameters` was forgotten."""
    cause = ValueError(
        'duplicate key value violates unique constraint "u"\n'
        f"DETAIL:  Key (pay_auth_no, id_no)=({AUTH}, {ID_NO}) already exists."
    )
    parameters = (AUTH, NAME, "M1] and (more")
    return sqlalchemy.exc.IntegrityError("INSERT INTO payment VALUES (?, ?, ?)", parameters, cause)


FAILING_ROW = f"null value in column\nDETAIL:  Failing row contains (1, main, {AUTH}, {NAME}, (x), 3).\n"

EXCEPTIONS: dict[str, Callable[[], Exception]] = {
    "chain": chained,
    "statement": of_a_statement,
    "validation": refused_by_pydantic,
    "failing row": lambda: RuntimeError(FAILING_ROW),
    "json in args": lambda: ValueError(BODY.encode(), {"ID_NO": ID_NO}, ("payAuthNo", AUTH)),
    "group": lambda: ExceptionGroup("two", [chained(), ValueError(f"ID_NO={SMALL_X}")]),
    "note": lambda: _noted(ValueError("refused"), f"the request was {BODY}"),
    "url": lambda: aiohttp.InvalidURL(URL(f"http://his:8102/patient?name={NAME}&id={ID_NO}")),
}

FIELDS: dict[str, object] = {
    "keys": {"patient_name": NAME, "ID_NO": ID_NO, "payToken": TOKEN, "mobile": PHONE},
    "number as number": {"value": int(ID_NO)},
    "model": Account(app_secret=TOKEN, holder=Person(id_no=int(ID_NO), patient_name=NAME)),
    "row": [Row("M1", NAME, ID_NO)],
    "asgi headers": [(b"authorization", f"Token {TOKEN}".encode()), (b"cookie", f"s={TOKEN}".encode())],
    "headers": CIMultiDict({"X-API-Key": TOKEN, "Authorization": f"HMAC id=1,sig={TOKEN}"}),
    "a mapping of another kind": UserDict({"insured_name": NAME}),
    "form": [("payAuthNo", AUTH), ("PATIENT_NAME", NAME)],
    "bytes": BODY.encode(),
    "bytearray": bytearray(BODY.encode()),
    "nested": {"request": {"body": [{"P_JSON": json.dumps({"payAuthNo": AUTH, "PATIENT_NAME": NAME})}]}},
    "json thrice": json.dumps({"a": json.dumps({"b": json.dumps({"idNo": ID_NO, "userName": NAME})})}),
    "escaped": json.dumps({"userName": NAME, "payAuthNo": AUTH}),
    "url object": URL(f"http://127.0.0.1:8102/his?PATIENT_NAME={NAME}"),
    "sets": frozenset({ID_NO, f"患者{NAME}({SMALL_X})"}),
    "key": {ID_NO: 1, f"姓名:{NAME}": 2},
    "payload": Payload(metadata={"encoding": b"json/plain"}, data=f'{{"idNo":"{ID_NO}"}}'.encode()),
    "unprintable": Unprintable(),
}

TEXTS: dict[str, str] = {
    "uvicorn access": f'127.0.0.1:50112 - "GET /api/v1/payments?PATIENT_NAME={NAME}&x={TOKEN} HTTP/1.1" 200',
    "uvicorn access, encoded": '10.0.0.1:1 - "GET /p?name=%E6%AC%A7%E9%98%B3%E6%A0%87%E8%AE%B0 HTTP/1.1" 404',
    "id in a path": f'10.0.0.1:1 - "GET /api/v1/payments/{ID_NO} HTTP/1.1" 404',
    "form": f"P_JSON=%7B%22payAuthNo%22%3A%22{AUTH}%22%7D&payAuthNo={AUTH}",
    "aiohttp url": f"Cannot connect to http://his.local:8102/q?id={TOKEN}#{AUTH} ssl:default",
    "temporal activity": f"Completing activity as failed ({{'activity_type': 'price_bill'}}) id_no='{ID_NO}'",
    "temporal rust": f'message: "患者{NAME}({ID_NO})的处方已作废", source: "", stack_trace: "ecToken={TOKEN}"',
    "asyncpg": f"DETAIL:  Key (pay_auth_no)=({AUTH}) already exists.",
    "asyncpg row": FAILING_ROW,
    "sql": f"[SQL: SELECT 1]\n[parameters: ('{AUTH}', '{NAME}')]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)",
    "dsn": f"postgresql+asyncpg://medpay:{TOKEN}@db:5432/medpay",
    "header": f"Authorization: HMAC-SM3 keyId=a, signature={TOKEN}",
    "cookie": f"Set-Cookie: session={TOKEN}; Path=/",
    "headers repr": f"[(b'host', b'x'), (b'authorization', b'Token {TOKEN}'), (b'x-api-key', b'{TOKEN}')]",
    "cut short": f'answer: {{"code":"0","data":{{"userName":"{NAME}',
    "chinese keys": f"姓名：{NAME}，身份证号：{SMALL_X}，支付授权码：{AUTH}；电话 {PHONE}",
    "chinese sentence": f"参保人{NAME}，{ID_NO}的授权码={AUTH}无效",
    "name before its id": f"{NAME} {ID_NO} 不是本院患者; {NAME}（{SMALL_X}）",
    "digits around": f"00{ID_NO}99, x{SMALL_X}y, {ID_NO}{ID_NO}",
    "set apart": "110101 19900307 0134 and 110101-19900307-0134",
    "full width": "证件１１０１０１１９９００３０７０１３４",
    "old number": f"旧身份证 {OLD_ID_NO}",
    "python repr": f"Order(pay_auth_no='{AUTH}', patient_name='{NAME}', id_no='{ID_NO}')",
    "bytes repr": f'b\'{{"payAuthNo": "{AUTH}"}}\'',
    "xml": f"<set><psnName={NAME}></set>",
    "empty and full": f"payAuthNo= payToken={TOKEN}",
}


def _noted(error: Exception, note: str) -> Exception:
    error.add_note(note)
    return error
