"""Two sides of a connection to a centre, ours and the centre's, each with its own keys."""

from gateways.insurance.envelope import Envelope
from gateways.insurance.profile import CentreProfile, HospitalAccount
from security.sm import GmsslSigner, GmsslVerifier, generate_key_pair
from tests.support.envelope_vector import APP_ID, APP_SECRET

CENTRE_KEYS = generate_key_pair()
HOSPITAL_KEYS = generate_key_pair()
ACCOUNT = HospitalAccount(
    org_codg="H14010000001", app_id=APP_ID, app_secret=APP_SECRET, private_key=HOSPITAL_KEYS.private_key_b64
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
