"""HIS over HTTP and JSON, as described in docs/his-port.md."""

from collections.abc import Mapping

from domain.bills import Fees, Patient
from domain.errors import Refused, Transaction, Unknown
from domain.orders import Category, HisPayment
from domain.values.china_time import to_china
from domain.values.fen import yuan
from domain.values.texts import clean
from gateways.his.answers import (
    A,
    Envelope,
    FeesAnswer,
    FoundAnswer,
    InsuranceAnswer,
    PatientAnswer,
    RegisterAnswer,
    RegistrationAnswer,
    SettleAnswer,
    VisitAnswer,
    read,
)
from gateways.his.port import REASONS, HisRefund, HisRepeats, Registration
from gateways.http import JsonPoster, JsonReply, shown
from security.tls import TlsFiles, client_tls

Fields = Mapping[str, str | None]
Known = tuple[str, ...]
"""What is known of the patient."""


class HttpHospitalSystem:
    """One hospital's HIS at `base_url`. `timeout_s`: the limit of one call, in seconds.

    Every operation raises `Refused` for a CODE other than 0, `NotSent` or `Unknown`.
    """

    def __init__(
        self,
        http: JsonPoster,
        base_url: str,
        timeout_s: float = 20,
        tls: TlsFiles | None = None,
        repeats: HisRepeats = HisRepeats.ASK,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._tls = client_tls(tls)
        self._repeats = repeats

    @property
    def repeats_safely(self) -> bool:
        return self._repeats is HisRepeats.SAFE

    def timeout_s(self, transaction: Transaction) -> float:  # noqa: ARG002 - the port's; here all have the same
        return self._timeout_s

    async def patient(self, patient_id: str) -> Patient:
        answer = await self._call(Transaction.PATIENT, {"PATIENT_ID": patient_id})
        known = read(Transaction.PATIENT, PatientAnswer, answer)
        insurance = read(Transaction.PATIENT, InsuranceAnswer, answer).model_dump() if known.psn_no else {}
        return Patient(patient_id=patient_id, **known.model_dump(), **insurance)

    async def registration_fees(self, clinic_id: str, patient_id: str) -> Fees:
        fields = {"CLINIC_ID": clinic_id, "PATIENT_ID": patient_id}
        return (await self._ask(Transaction.REGISTRATION_FEES, FeesAnswer, fields)).fees()

    async def prescription_fees(self, order_ids: tuple[str, ...], patient_id: str) -> Fees:
        fields = {"ORDER_ID": "|".join(order_ids), "PATIENT_ID": patient_id}
        return (await self._ask(Transaction.PRESCRIPTION_FEES, FeesAnswer, fields)).fees()

    async def visit_patient(self, visit_id: str) -> str:
        return (await self._ask(Transaction.VISIT, VisitAnswer, {"VISIT_ID": visit_id})).patient_id

    async def register(self, payment: HisPayment) -> str:
        fields = {"CLINIC_ID": payment.clinic_id, **_insurance_fields(payment)}
        return (await self._ask(Transaction.REGISTER, RegisterAnswer, fields, _known(payment))).visit_id

    async def registration_query(self, med_org_ord: str) -> Registration | None:
        answer = await self._call(Transaction.REGISTRATION_QUERY, {"medOrgOrd": med_org_ord})
        if not read(Transaction.REGISTRATION_QUERY, FoundAnswer, answer).found:
            return None
        return read(Transaction.REGISTRATION_QUERY, RegistrationAnswer, answer).registration()

    async def settle(self, payment: HisPayment) -> str:
        fields = {**_insurance_fields(payment), **_settlement_fields(payment)}
        return (await self._ask(Transaction.SETTLE, SettleAnswer, fields, _known(payment))).settlement_no

    async def settlement_query(self, med_org_ord: str) -> str | None:
        answer = await self._call(Transaction.SETTLEMENT_QUERY, {"medOrgOrd": med_org_ord})
        if not read(Transaction.SETTLEMENT_QUERY, FoundAnswer, answer).found:
            return None
        return read(Transaction.SETTLEMENT_QUERY, SettleAnswer, answer).settlement_no

    async def cancel_registration(self, med_org_ord: str, visit_id: str, patient_id: str) -> None:
        fields = {"medOrgOrd": med_org_ord, "VISIT_ID": visit_id, "PATIENT_ID": patient_id}
        await self._call(Transaction.CANCEL_REGISTRATION, fields)

    async def refund(self, refund: HisRefund) -> None:
        fields = {
            "medOrgOrd": refund.med_org_ord,
            "refundNo": refund.refund_no,
            "totlRefdAmt": yuan(refund.total_fen),
        }
        await self._call(Transaction.TELL_REFUND, fields)

    async def _ask(self, transaction: Transaction, shape: type[A], fields: Fields, known: Known = ()) -> A:
        return read(transaction, shape, await self._call(transaction, fields, known))

    async def _call(self, transaction: Transaction, fields: Fields, known: Known = ()) -> object:
        """Call one operation; the DATA of an answer with CODE 0. `known` is masked in a refusal's words."""
        url = f"{self._base_url}/{transaction.replace('_', '-')}"
        body = {name: value for name, value in fields.items() if value}
        reply = await self._http.post_json(transaction, url, body, self.timeout_s(transaction), self._tls)
        envelope = read(transaction, Envelope, reply.json)
        if envelope.code != 0:
            raise _refusal(transaction, reply, known)
        if not reply.ok:
            raise Unknown(transaction, f"医院系统答复自相矛盾(HTTP {reply.status}, CODE 0), 结果未知", answered=True)
        return envelope.data


def _insurance_fields(payment: HisPayment) -> dict[str, str | None]:
    """The fields that HIS gets at both register and settle (product rule 9)."""
    split = payment.settlement.split
    return {
        "medOrgOrd": payment.med_org_ord,
        "PATIENT_ID": payment.patient_id,
        "psnAcctPay": yuan(split.psn_acct_fen),
        "fundPay": yuan(split.fund_fen),
        "patientTypeId": payment.patient_type_id,
        "iptOtpNo": payment.ipt_otp_no,
        "balance": None if payment.balance_fen is None else yuan(payment.balance_fen),
        "siPersonalNo": payment.si_personal_no,
    }


def _settlement_fields(payment: HisPayment) -> dict[str, str | None]:
    settlement = payment.settlement
    registration = payment.category is Category.REGISTRATION
    return {
        "CATEGORY": payment.category.value,
        "CLINIC_ID": payment.clinic_id if registration else None,
        "ORDER_ID": None if registration else "|".join(payment.order_ids),
        "VISIT_ID": payment.visit_id,
        "payOrdId": payment.pay_ord_id,
        "feeSumamt": yuan(settlement.split.fee_sum_fen),
        "ownPayAmt": yuan(settlement.split.own_pay_fen),
        "othFeeAmt": yuan(settlement.split.other_fen),
        "hospPartAmt": yuan(settlement.split.hospital_part_fen),
        "traceTime": to_china(settlement.trace_time),
        "setlType": settlement.setl_type.value,
    }


def _known(payment: HisPayment) -> Known:
    """The patient's name and 个人编号."""
    return payment.patient_name, payment.si_personal_no or ""


def _refusal(transaction: Transaction, reply: JsonReply, known: Known) -> Refused:
    message, reason = reply.json.get("MSG"), reply.json.get("REASON")
    words = shown(message, known) if isinstance(message, str) else ""
    code = clean(reason) if isinstance(reason, str) else ""
    return Refused(transaction, words or "医院系统拒绝", code if code in REASONS else "")
