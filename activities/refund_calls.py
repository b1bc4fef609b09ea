"""6203, for a reversal and for a refund: believed only as far as it may be (protocol 3.1, 3.2)."""

from domain.insurance import RefundAnswer, RefundStatus
from domain.outcomes import Refused, Unknown
from gateways.insurance.port import InsuranceCentre, RefundRequest


async def refunded(centre: InsuranceCentre, request: RefundRequest) -> RefundAnswer:
    """The answer of a refund that was made. EXP and an unsigned refusal are `Unknown`, FAIL is `Refused`."""
    try:
        answer = await centre.refund(request)
    except Refused as refused:
        if refused.confirmed:
            raise
        raise Unknown(refused.transaction, refused.message) from refused
    if answer.status is RefundStatus.EXP:
        raise Unknown("6203", "refStatus EXP")
    if answer.status is RefundStatus.FAIL:
        raise Refused("6203", "医保中心退费失败 (refStatus FAIL)")
    return answer
