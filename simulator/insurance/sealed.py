"""Transactions in their envelope: requests are opened and verified, answers sealed and signed (protocol 3.1)."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from domain.insurance import RefundStatus
from domain.values.fen import parse_yuan, yuan
from gateways.exact_json import parse_object
from gateways.insurance.envelope import Envelope, EnvelopeError
from security.crypto.sm import GmsslSigner, GmsslVerifier
from simulator.core.endpoint import Answer, Done, Read
from simulator.core.faults import FaultKind
from simulator.core.store import Verdict
from simulator.insurance.centre import Centre, Outcome
from simulator.insurance.config import CentreConfig
from simulator.insurance.naming import query_order, revoke_order
from simulator.insurance.placement import place_order
from simulator.insurance.refund import refund
from simulator.insurance.upload import upload_fees
from simulator.insurance.wire import CentreRefusal

Transaction = Callable[[Centre, Mapping[str, Any]], Outcome]
TRANSACTIONS: dict[str, Transaction] = {
    "6201": upload_fees,
    "6202": place_order,
    "6203": refund,
    "6301": query_order,
    "6401": revoke_order,
}


def envelope_of(config: CentreConfig) -> Envelope:
    """The centre's side. Raises ValueError for keys or an appId that can't be used."""
    return Envelope(
        app_id=config.app_id,
        app_secret=config.app_secret,
        form=config,
        signer=GmsslSigner(config.private_key, config.sm2_user_id),
        verifier=GmsslVerifier(config.hospital_public_key, config.sm2_user_id),
    )


class SealedCall:
    """A verified request: a `simulator.core.endpoint.Call`."""

    def __init__(self, centre: Centre, envelope: Envelope, transact: Transaction, data: dict[str, Any]) -> None:
        self._centre = centre
        self._envelope = envelope
        self._transact = transact
        self._data = data
        self.pay_ord_id = _text(data, "payOrdId")
        self.med_org_ord = _text(data, "medOrgOrd") or self._of_order()

    async def apply(self, fault: FaultKind | None) -> Done:
        try:
            with self._centre.one_step():
                outcome = self._transact(self._centre, self._data)
        except CentreRefusal as refusal:
            return Done(Verdict.REFUSED, _spoilt(await self._refusal(refusal), fault))
        data = _changed(outcome.data, fault)
        answer = await self._envelope.seal_answer(data, message="成功")
        return Done(outcome.verdict, _spoilt(answer, fault), outcome.pay_ord_id)

    async def refuse(self, message: str) -> Answer:
        return await self._refusal(CentreRefusal(message))

    async def _refusal(self, refusal: CentreRefusal) -> dict[str, Any]:
        return await self._envelope.seal_answer({}, refusal.code, refusal.message, success=False)

    def _of_order(self) -> str:
        order = self._centre.orders.find(self.pay_ord_id)
        return order.med_org_ord if order else ""


def reader(centre: Centre, envelope: Envelope, txn: str) -> Read:
    """Opens the requests of one transaction. One that does not verify is refused without a signature."""

    async def read(body: bytes) -> SealedCall | Done:
        try:
            fields = parse_object(body)
            _check_head(fields, centre.config.version)
            data = await envelope.open_request(fields)
        except CentreRefusal as refusal:
            return _unsigned(refusal.message)
        except EnvelopeError:
            return _unsigned("验签或解密失败: signData, encData, appId")
        except (ValueError, RecursionError):
            return _unsigned("报文不是JSON对象")
        return SealedCall(centre, envelope, TRANSACTIONS[txn], data)

    return read


def _check_head(fields: Mapping[str, Any], version: str) -> None:
    required = ("appId", "encType", "signType", "version", "timestamp", "encData", "signData")
    if absent := [name for name in required if not fields.get(name)]:
        raise CentreRefusal(f"报文头字段缺失: {', '.join(absent)}")
    expected = {"encType": "SM4", "signType": "SM2", "version": version}
    if wrong := [name for name, value in expected.items() if fields[name] != value]:
        raise CentreRefusal(f"报文头字段不正确: {', '.join(wrong)}")
    if "data" in fields:
        raise CentreRefusal("报文不能包含明文: data")


def _unsigned(message: str) -> Done:
    return Done(Verdict.REFUSED, {"code": -1, "message": message, "success": False})


def _changed(data: dict[str, Any], fault: FaultKind | None) -> dict[str, Any]:
    """The answer's data, changed if the fault says so."""
    match fault:
        case FaultKind.WRONG_AMOUNT:
            return _one_fen_off(data)
        case FaultKind.EXP:
            return {**data, "refStatus": RefundStatus.EXP.value}
        case _:
            return data


def _one_fen_off(data: dict[str, Any]) -> dict[str, Any]:
    own = data.get("ownPayAmt")
    return data if own is None else {**data, "ownPayAmt": yuan(parse_yuan(own) + 1)}


def _spoilt(answer: Answer, fault: FaultKind | None) -> Answer:
    if fault is not FaultKind.BAD_SIGNATURE:
        return answer
    signature = base64.b64decode(answer["signData"])
    return {**answer, "signData": base64.b64encode(signature[::-1]).decode()}


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""
