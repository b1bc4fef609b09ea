"""Envelopes as nobody should send them, each made of a few bytes, so that any fuzzer can drive them.

Sealed with the right key or not sealed at all, whole or cut, deep, in another charset, signed by nobody.
"""

import base64
import json
from typing import Any, Final, TypeVar

from domain.values.decimals import Numeral
from gateways.insurance.envelope import sm4_key
from security.crypto.sm import sm4_ecb_encrypt
from tests.support.values.envelope_vector import APP_ID, APP_SECRET

T = TypeVar("T")
Object = dict[str, Any]

NOW_TEXT: Final = "20260105090000"
"""The moment that the target takes for now, in China's time."""

_KEY: Final = sm4_key(APP_ID, APP_SECRET)
_DEEP: Final = 3_000
_ITEMS_MAX: Final = 4
_HEAD: Final = ("code", "message", "success", "version", "encType", "extra", "data", "respCode", "msg")
_DATA: Final = (
    *("payOrdId", "medOrgOrd", "ordStas", "orgCodg", "orgCode", "payToken", "feeSumamt", "ownPayAmt", "ownpayAmt"),
    *(
        "psnAcctPay",
        "fundPay",
        "othFeeAmt",
        "hospPartAmt",
        "extData",
        "traceTime",
        "setlType",
        "refStatus",
        "revsToken",
    ),
    *("appRefdSn", "refdSn", "callType", "preSetl", "balc", "mdtrtId", "code", "msg", "success"),
)
_ODD_NAMES: Final = ("", " ", "\x00", "__class__", "键", "\ud800", "signData", "appId", "a" * 300)
_TEXTS: Final = (
    *("", " ", "0", "-0", "1e999", "NaN", "null", "true", "\x00", "\ud800", "\udfff\ud800", "\ufeff", "١٢٣", "６"),
    *(NOW_TEXT, "2026-01-05 09:00:00", "99999999999999", "00000000000000", "20260230000000", "1" * 5000, "-1" * 99),
    *("128.50", "0.00", "25.70", "-1", "1,000.00", "1E2", "0x10", "SUCC", "EXP", "ORD1", "M1", "M1-REV", "6", "15"),
    *("' OR 1=1", "../..", "%s%n", "\r\nX: y", "H14010000001", APP_ID, "ALL", "01", "名" * 130, "\u202e", "😀"),
)
_NUMBERS: Final = ("0", "6", "128.50", "-0.0", "1e400", "1767574800", "1767574800000", "9" * 400, "0.1e-7")


_WHOLE: Final = {
    "payOrdId": "ORD1",
    "medOrgOrd": "M1",
    "ordStas": "6",
    "payToken": "PT",
    "refStatus": "SUCC",
    "appRefdSn": "M1-REV",
    "feeSumamt": "128.50",
    "ownPayAmt": "25.70",
    "psnAcctPay": "25.70",
    "fundPay": "77.10",
    "traceTime": NOW_TEXT,
}
"""Every reader is content with it, until one thing is changed."""


class Bytes:
    """Decisions out of bytes. What is used up decides for the first of everything, so that all ends."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def up_to(self, limit: int) -> int:
        """0 to `limit`."""
        return (self.byte() << 8 | self.byte()) % (limit + 1) if limit > 0xFF else self.byte() % (limit + 1)

    def one_of(self, choices: tuple[T, ...]) -> T:
        return choices[self.byte() % len(choices)]

    def raw(self, size_max: int) -> bytes:
        size = self.up_to(size_max)
        self._at += size
        return self._data[self._at - size : self._at]


def value(of: Bytes, depth: int = 4) -> Any:  # noqa: ANN401, PLR0911 - any JSON value, as the edge parses it
    kind = of.byte() % (10 if depth else 7)
    match kind:
        case 0 | 1 | 2:
            return of.one_of(_TEXTS)
        case 3:
            return Numeral(of.one_of(_NUMBERS))
        case 4:
            return of.raw(12).decode("utf-8", "surrogateescape")
        case 5:
            return of.one_of((None, True, False))
        case 6:
            return base64.b64encode(of.raw(70)).decode()
        case 7:
            return [value(of, depth - 1) for _ in range(of.up_to(_ITEMS_MAX))]
        case _:
            return an_object(of, _DATA, depth - 1)


def an_object(of: Bytes, names: tuple[str, ...], depth: int = 4) -> Object:
    items: Object = {}
    for _ in range(of.up_to(2 * _ITEMS_MAX)):
        name = of.one_of(_ODD_NAMES) if of.byte() % 8 == 7 else of.one_of(names)
        items[name] = value(of, depth)
    return items


def plain(of: Bytes) -> bytes:  # noqa: PLR0911 - one way for each kind
    """What is sealed inside an envelope."""
    match of.byte() % 16:
        case 7:
            return of.raw(60)
        case 1:
            return b'{"a":' * of.up_to(_DEEP) + b"1" + b"}" * of.up_to(_DEEP)
        case 2:
            return b"[" * of.up_to(_DEEP)
        case 3:
            return json.dumps(an_object(of, _DATA)).encode(of.one_of(("utf-16", "utf-32", "utf-16-le", "utf-8-sig")))
        case 4:
            return _dumped(value(of))
        case 5:
            text = _dumped(an_object(of, _DATA))
            return text[: of.up_to(len(text))] + of.raw(8)
        case 6:
            text = _dumped(an_object(of, _DATA))
            return text[:-1] + b"," + text[1:]
        case 8 | 9 | 10:
            return _dumped({**_WHOLE, of.one_of(_DATA): value(of)})
        case _:
            return _dumped(an_object(of, _DATA))


def body(of: Bytes) -> Object:
    """What the edge hands on: an object, mostly with the head of an envelope."""
    if of.byte() % 16 == 15:
        return an_object(of, (*_HEAD, *_DATA))
    made: Object = {"code": of.one_of(("0", "0000", "0 ", "1", True, Numeral("0")))}
    made |= an_object(of, _HEAD, 2) if of.byte() % 4 == 3 else {}
    made |= {"appId": APP_ID, "timestamp": NOW_TEXT, "encData": _enc_data(of), "signData": _sign_data(of)}
    if of.byte() % 8 == 7:
        made[of.one_of(("appId", "timestamp", "encData", "signData"))] = value(of)
    if of.byte() % 8 == 7:
        del made[of.one_of(("appId", "timestamp", "encData", "signData"))]
    return made


def text(of: Bytes) -> bytes:
    """What comes to the edge itself."""
    match of.byte() % 3:
        case 0:
            return plain(of)
        case 1:
            return _dumped(body(of))
        case _:
            whole = _dumped(body(of))
            cut = of.up_to(len(whole))
            return whole[:cut] + of.raw(6) + whole[cut + of.up_to(3) :]


def _enc_data(of: Bytes) -> Any:  # noqa: ANN401 - mostly text
    sealed = sm4_ecb_encrypt(_KEY, plain(of)).hex()
    match of.byte() % 8:
        case 1:
            return sealed[of.up_to(64) :]
        case 4:
            return value(of)
        case 2:
            at = of.up_to(len(sealed))
            return sealed[:at] + of.one_of(("0", "g", " ", "é", "\x00", "")) + sealed[at + 1 :]
        case 3:
            return sealed.upper()
        case _:
            return sealed


def _sign_data(of: Bytes) -> Any:  # noqa: ANN401 - mostly text
    match of.byte() % 8:
        case 1:
            return value(of)
        case 2:
            return of.one_of(("", "=", "A" * 88, "é", "QUJD\n", "-_-_", "A" * 10_000))
        case _:
            return base64.b64encode((of.raw(64) + bytes(range(1, 65)))[:64]).decode()


def _dumped(whole: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogatepass")
