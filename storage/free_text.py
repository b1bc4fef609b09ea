"""What a person wrote by hand, fit to be kept in clear: nobody can be kept from naming the patient there."""

from security.masking.values import MASK, mask_id_no, mask_name, mask_text
from storage.records import PaymentRecord


def fit_to_keep(text: str, payment: PaymentRecord | None) -> str:
    """`text` without what is known of the payment's patient, and without what looks personal or secret."""
    if payment is not None:
        order, settlement = payment.order, payment.settlement
        tokens = (order.pay_auth_no, payment.pay_token, settlement.revs_token if settlement else "")
        shown = {payment.insured_name: mask_name, order.patient_name: mask_name, order.id_no: mask_id_no}
        for secret in (*shown, *tokens, payment.si_personal_no):
            if secret:
                text = text.replace(secret, shown[secret](secret) if secret in shown else MASK)
    return mask_text(text)
