"""6201 费用明细上传: creates an order, with ordStas 0, from the fees of a medOrgOrd."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from simulator.core.store import Verdict
from simulator.insurance.centre import Centre, Outcome
from simulator.insurance.orders import CentreOrder, NewOrder
from simulator.insurance.wire import CentreRefusal, UploadAsked, asked


def upload_fees(centre: Centre, data: Mapping[str, Any]) -> Outcome:
    """A known medOrgOrd is answered according to the profile's `repeated_upload`."""
    request = asked(UploadAsked, data)
    centre.check_hospital(request.org_codg)
    _check_token(request)
    _check_details(request)
    centre.check_document(request.id_no, request.id_type)
    centre.people.check_insured(request.id_no, request.user_name)
    if request.pay_auth_no is not None:
        centre.take_authorisation(request.pay_auth_no, request.med_org_ord)
    known = centre.orders.of_hospital(request.med_org_ord)
    if known is not None:
        return _repeated(centre, request, known)
    order = _new_order(request)
    centre.orders.add(order)
    return Outcome(_answer(order), pay_ord_id=order.pay_ord_id)


def _check_token(request: UploadAsked) -> None:
    if (request.ec_token is None) == (request.pay_auth_no is None):
        raise CentreRefusal("电子凭证令牌与支付授权码须有且仅有一个: ecToken, payAuthNo")
    if request.ec_token is None and request.mdtrt_id is None:
        raise CentreRefusal("必填字段缺失: mdtrtId")


def _check_details(request: UploadAsked) -> None:
    """The details must add up to the head's total and agree with it, and have different serials."""
    details = request.feedetail_list
    if sum(detail.det_item_fee_sumamt for detail in details) != request.medfee_sumamt:
        raise CentreRefusal("费用明细合计与医疗费总额不一致: medfeeSumamt, detItemFeeSumamt")
    _check_same("chrgBchno", request.chrg_bchno, (detail.chrg_bchno for detail in details))
    _check_same("psnNo", request.psn_no, (detail.psn_no for detail in details))
    _check_same("mdtrtId", request.mdtrt_id, (detail.mdtrt_id for detail in details))
    serials = [detail.feedetl_sn for detail in details if detail.feedetl_sn is not None]
    if len(set(serials)) != len(serials):
        raise CentreRefusal("费用明细流水号重复: feedetlSn")


def _check_same(name: str, expected: str | None, values: Iterable[str | None]) -> None:
    if any(value not in {None, expected} for value in values):
        raise CentreRefusal(f"费用明细与主单不一致: {name}")


def _repeated(centre: Centre, request: UploadAsked, known: CentreOrder) -> Outcome:
    if centre.config.repeated_upload == "refused":
        raise CentreRefusal("serial_no REPEAT: medOrgOrd")
    if (known.id_no, known.fee_sum_fen) != (request.id_no, request.medfee_sumamt):
        raise CentreRefusal("医院订单号已用于另一笔费用: medOrgOrd")
    return Outcome(_answer(known), Verdict.REPLAYED, known.pay_ord_id)


def _new_order(request: UploadAsked) -> NewOrder:
    return NewOrder(
        pay_ord_id=f"ORD{secrets.token_hex(10).upper()}",
        med_org_ord=request.med_org_ord,
        pay_token=f"PT{secrets.token_hex(16)}",
        id_no=request.id_no,
        user_name=request.user_name,
        mdtrt_id=request.mdtrt_id or f"MD{secrets.token_hex(8).upper()}",
        chrg_bchno=request.chrg_bchno,
        fee_type=request.fee_type,
        fee_sum_fen=request.medfee_sumamt,
    )


def _answer(order: NewOrder) -> dict[str, Any]:
    return {
        "payOrdId": order.pay_ord_id,
        "payToken": order.pay_token,
        "medOrgOrd": order.med_org_ord,
        "extData": {"mdtrtId": order.mdtrt_id},
    }
