"""Two sides of a connection to a centre, ours and the centre's, each with its own keys; and what a centre is asked."""

from datetime import UTC, datetime

from domain.insurance import OrderReference, RefundType, UploadedFees
from gateways.insurance.envelope import Envelope
from gateways.insurance.port import OrderPlacement, RefundRequest
from gateways.insurance.profile import CentreProfile, HospitalAccount
from security.crypto.sm import GmsslSigner, GmsslVerifier, generate_key_pair
from tests.support.values.envelope_vector import APP_ID, APP_SECRET
from tests.support.values.orders import SPLIT

CENTRE_KEYS = generate_key_pair()
HOSPITAL_KEYS = generate_key_pair()
ACCOUNT = HospitalAccount(
    org_codg="H14010000001", app_id=APP_ID, app_secret=APP_SECRET, private_key=HOSPITAL_KEYS.private_key_b64
)
REFERENCE = OrderReference(pay_ord_id="ORD1", pay_token="PT1", id_no="110101199003070134", user_name="张三")
PLACEMENT = OrderPlacement(
    pay_auth_no="AUTH1",
    org_biz_ser="M1-1",
    chrg_bchno="M1",
    uploaded=UploadedFees(pay_ord_id="ORD1", pay_token="PT1", mdtrt_id="MD1"),
)
REVERSAL = RefundRequest(
    pay_ord_id="ORD1",
    app_refd_sn="M1-REV",
    requested_at=datetime(2026, 1, 5, 16, 30, tzinfo=UTC),
    refund_type=RefundType.ALL,
    parts=SPLIT,
    total_fen=SPLIT.fee_sum_fen,
    revs_token="REVS1",
    reason="医院入账失败",
)


def profile(url: str = "http://127.0.0.1:9", /, **settings: object) -> CentreProfile:
    facts = {"url": url, "platform_public_key": CENTRE_KEYS.public_key_b64}
    return CentreProfile.model_validate(facts | settings)


def hospital_side(form: CentreProfile) -> Envelope:
    """Seals requests, opens answers."""
    return Envelope(
        app_id=APP_ID,
        app_secret=APP_SECRET,
        form=form,
        signer=GmsslSigner(HOSPITAL_KEYS.private_key_b64, form.sm2_user_id),
        verifier=GmsslVerifier(CENTRE_KEYS.public_key_b64, form.sm2_user_id),
    )


def centre_side(form: CentreProfile) -> Envelope:
    """Opens requests, seals answers."""
    return Envelope(
        app_id=APP_ID,
        app_secret=APP_SECRET,
        form=form,
        signer=GmsslSigner(CENTRE_KEYS.private_key_b64, form.sm2_user_id),
        verifier=GmsslVerifier(HOSPITAL_KEYS.public_key_b64, form.sm2_user_id),
    )
