"""A HIS on a loopback socket, written from docs/his-port.md alone, whose spelling of values can be switched.

It knows one patient, prescriptions `9NNNNN` that cost NNNNN fen, any clinic at 25.00, and keeps honest books.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.support.parties.listening import serving

Data = dict[str, Any]
Spelling = Callable[[Data], str]
"""Writes an answer, whose values are strings as the page has them, as JSON."""

AT = "2026-03-02 09:10:00"
DOCTOR = {"atddrNo": "D110101000001", "drName": "王医生"}
NUMBERS = frozenset({"cnt", "pric", "detItemFeeSumamt"})
ORDINALS = frozenset({"diagSrtNo", "patientTypeId", "CODE"})
TIMES = frozenset({"begntime", "feeOcurTime", "diagTime"})


class OddHis:
    """`spelling`: how its next answers are written. `settled`, `visits` and `told`: its books, by medOrgOrd."""

    def __init__(self) -> None:
        self.url = ""
        self.spelling: Spelling = plainly
        self.settled: dict[str, str] = {}
        self.visits: dict[str, str] = {}
        self.told: dict[str, str] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    async def handle(self, request: web.Request) -> web.Response:
        operation, asked = request.path.rpartition("/")[2], await request.json()
        self.asked.append((operation, asked))
        answer = getattr(self, "_" + operation.replace("-", "_"))(asked)
        return web.Response(
            body=self.spelling(answer).encode("utf-8", "surrogatepass"), content_type="application/json"
        )

    def _patient(self, _: Data) -> Data:
        person = {"PATIENT_NAME": "张三", "ID_NO": "110101199003070134", "patientTypeId": "1", "iptOtpNo": "MZ100001"}
        return _done({**person, "psnNo": "11010000000000100001", "insutype": "310", "insuCode": "110101"})

    def _prescription_fees(self, asked: Data) -> Data:
        return _done(_fees([_line(order_id, int(order_id[1:])) for order_id in asked["ORDER_ID"].split("|")]))

    def _registration_fees(self, _: Data) -> Data:
        return _done(_fees([_line("", 2500)], diagnoses=[]))

    def _visit(self, asked: Data) -> Data:
        known = asked["VISIT_ID"] in {"V1", *self.visits.values()}
        return _done({"PATIENT_ID": "100001"}) if known else _refused("就诊记录不存在", "VISIT_NOT_FOUND")

    def _register(self, asked: Data) -> Data:
        return _done({"VISIT_ID": self.visits.setdefault(asked["medOrgOrd"], f"9{len(self.visits):05d}")})

    def _registration_query(self, asked: Data) -> Data:
        visit_id = self.visits.get(asked["medOrgOrd"])
        return _done(
            {"FOUND": "true", "VISIT_ID": visit_id, "PATIENT_ID": "100001"} if visit_id else {"FOUND": "false"}
        )

    def _settle(self, asked: Data) -> Data:
        number = f"20260302{len(self.settled):05d}"
        return _done({"settlementNo": self.settled.setdefault(asked["medOrgOrd"], number)})

    def _settlement_query(self, asked: Data) -> Data:
        number = self.settled.get(asked["medOrgOrd"])
        return _done({"FOUND": "true", "settlementNo": number} if number else {"FOUND": "false"})

    def _cancel_registration(self, asked: Data) -> Data:
        self.visits.pop(asked["medOrgOrd"], None)
        return _done({})

    def _refund(self, asked: Data) -> Data:
        self.told[asked["medOrgOrd"]] = asked["totlRefdAmt"]
        return _done({})


@asynccontextmanager
async def odd_his() -> AsyncIterator[OddHis]:
    his = OddHis()
    app = web.Application()
    app.router.add_post("/{path:.*}", his.handle)
    async with serving(app) as url:
        his.url = url
        yield his


@dataclass(frozen=True)
class _Bare:
    """A JSON number that is written as it stands."""

    text: str


def each_value(answer: Data, spell: Callable[[str, str], object]) -> Data:
    """The answer with every string value as `spell` has it, by its field's name."""

    def walked(name: str, value: object) -> object:
        if isinstance(value, dict):
            return {key: walked(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [walked(name, item) for item in value]
        return spell(name, value) if isinstance(value, str) else value

    return {name: walked(name, value) for name, value in answer.items()}


def plainly(answer: Data) -> str:
    """As the page shows it: CODE a number, FOUND true or false."""

    def spell(name: str, text: str) -> object:
        return int(text) if name == "CODE" else text == "true" if name == "FOUND" else text

    return json.dumps(each_value(answer, spell), ensure_ascii=False)


def everything_in_quotes(answer: Data) -> str:
    return json.dumps(answer, ensure_ascii=False)


def numbers_of_java(answer: Data) -> str:
    """BigDecimal: whole, with exponents, with zeros at the end; texts that look like numbers are numbers."""

    def spell(name: str, text: str) -> object:
        if name in NUMBERS:
            value = Decimal(text)
            return _Bare(f"{value:.6E}") if value % 1 else _Bare(str(value.normalize()))
        return _Bare(text) if text.isdigit() and len(text) < 18 else {"true": 1, "false": 0}.get(text, text)

    return _dumped(each_value(answer, spell))


def doubles_of_gson(answer: Data) -> str:
    """Every number a double; amounts as texts with blanks and zeros, as a CHAR column has them."""

    def spell(name: str, text: str) -> object:
        if name in NUMBERS:
            return f"  {text}0000 "
        return _Bare(f"{text}.0") if name in ORDINALS else {"true": "Y", "false": "N"}.get(text, text)

    return _dumped(each_value(answer, spell))


def times_of_iso(answer: Data) -> str:
    return everything_in_quotes(
        each_value(answer, lambda name, text: text.replace(" ", "T") if name in TIMES else text)
    )


def times_of_timestamp(answer: Data) -> str:
    return everything_in_quotes(each_value(answer, lambda name, text: f"{text}.0" if name in TIMES else text))


def times_of_digits(answer: Data) -> str:
    return everything_in_quotes(
        each_value(answer, lambda name, text: re.sub("[^0-9]", "", text) if name in TIMES else text)
    )


def unseen_characters(answer: Data) -> str:
    """In every text: NUL, DEL, U+0080, BOM, half a pair, a noncharacter; tabs and ends of lines around it."""
    return everything_in_quotes(
        each_value(answer, lambda _, text: f"\x0b\u2028{text[:1]}\x00\x7f\x80\ufeff\ud800\uffff{text[1:]}\r\n\x85\t")
    )


def joined_by_hand(answer: Data) -> str:
    """Control characters as they are and escapes that only JavaScript has, as a drug's name from Word brings them."""
    text = everything_in_quotes(answer)
    return text.replace("苯磺酸氨氯地平片", "苯磺酸\\v氨氯\x0b地平\\x0b片\n").replace("王医生", "王\\'医生\t")


def long_numbers(answer: Data) -> str:
    """A settlement's number that no column holds."""
    return everything_in_quotes(each_value(answer, lambda name, text: text * 60 if name == "settlementNo" else text))


def _dumped(answer: Data) -> str:
    """With its bare numbers, which `json` has no way to write: they are put in afterwards."""
    numbers: list[str] = []

    def kept(value: object) -> object:
        if isinstance(value, _Bare):
            numbers.append(value.text)
            return f"\u0001{len(numbers) - 1}\u0001"
        if isinstance(value, dict):
            return {name: kept(item) for name, item in value.items()}
        return [kept(item) for item in value] if isinstance(value, list) else value

    text = json.dumps(kept(answer), ensure_ascii=False)
    return re.sub(r'"\\u0001([0-9]+)\\u0001"', lambda match: numbers[int(match[1])], text)


def _done(data: Data) -> Data:
    return {"CODE": "0", "MSG": "", "DATA": data}


def _refused(message: str, reason: str) -> Data:
    return {"CODE": "-1", "MSG": message, "REASON": reason}


def _fees(lines: list[Data], diagnoses: list[Data] | None = None) -> Data:
    diagnosis = {
        "diagType": "1",
        "diagSrtNo": "1",
        "diagCode": "I10.x00",
        "diagName": "高血压",
        "diagDept": "A0304",
        "diseDorNo": "D110101000001",
        "diseDorName": "王医生",
        "diagTime": AT,
    }
    visit = {
        "mdtrtId": "MZ100001",
        "deptCode": "A0304",
        "deptName": "心内科",
        "caty": "A03.04",
        **DOCTOR,
        "begntime": AT,
    }
    found = [diagnosis] if diagnoses is None else diagnoses
    return {"PATIENT_ID": "100001", **visit, "diseinfoList": found, "feedetailList": lines}


def _line(order_id: str, fen: int) -> Data:
    price = f"{Decimal(fen) / 100:.2f}"
    return {
        "feedetlSn": f"L{order_id}",
        "rxno": order_id,
        "feeOcurTime": AT,
        "medListCodg": "XC08CAB139A001010100001",
        "medinsListCodg": "YP0101",
        "medListName": "苯磺酸氨氯地平片",
        "medListSpc": "5mg*7片",
        "cnt": "1",
        "pric": price,
        "detItemFeeSumamt": price,
        "bilgDeptCodg": "A0304",
        "bilgDeptName": "心内科",
        "bilgDrCodg": "D110101000001",
        "bilgDrName": "王医生",
    }
