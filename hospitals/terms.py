"""The terms of a payment: what settings and the hospitals file say when it starts."""

import math

from domain.orders import PaymentTerms
from gateways.insurance.profile import DEFAULT_PATHS
from hospitals.model import Hospital
from settings import Settings

PAID_SHOWN_AFTER_MS = 500
"""HIS usually books sooner: then PAID is never written, which makes settling faster (docs/decisions)."""


def payment_terms(settings: Settings, hospital: Hospital) -> PaymentTerms:
    """The terms of a payment that starts now. Later changes of the settings do not affect it."""
    centre_timeouts_s = (hospital.centre.timeout_s(transaction) for transaction in DEFAULT_PATHS)
    return PaymentTerms(
        pre_settle_budget_s=settings.pre_settle_budget_s,
        payment_window_s=settings.payment_window_s,
        auto_finish_after_s=settings.auto_finish_after_s,
        his_retry_budget_s=settings.his_retry_budget_s,
        reversal_window_s=settings.reversal_window_s,
        registers=hospital.registers,
        cash_refunded_by=hospital.centre.cash_refunded_by,
        call_timeout_s=math.ceil(max(settings.his_timeout_s, *centre_timeouts_s)),
        centre_account=hospital.account,
        his_timeout_s=settings.his_timeout_s,
        paid_shown_after_ms=PAID_SHOWN_AFTER_MS,
    )
