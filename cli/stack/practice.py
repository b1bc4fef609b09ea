"""What the embedded stack makes for itself, once per data folder: keys, a hospital, and the simulated centre's side."""

import base64
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateways.insurance.profile import CentreForm
from hospitals import Hospital, Role
from security.crypto import sm
from security.crypto.keyring import Keyring
from security.keys.files import keep, write_over
from security.keys.practice import practice_bytes, practice_text
from simulator.insurance.config import CentreConfig

ORG_CODG = "H14010000001"
CENTRE_NAME = "sim"
CENTRE_FILE = "simulator-insurance.json"


@dataclass(frozen=True)
class Addresses:
    """Where the two other parties are, and where the centre sends 6302."""

    insurance_url: str
    his_url: str
    notice_url: str


def make_api_key(folder: Path) -> str:
    return keep(folder / "api-key", practice_text)


def make_keyring(path: Path) -> None:
    """The keys that seal payloads and records; losing them loses the data, so they are made once."""
    if not path.exists():
        Keyring.generate_for_practice().save(path)


PEOPLE = (Role.OPERATOR, Role.APPROVER, Role.AUDITOR)
"""The people of the practising hospital: two who decide its review queue, and one who looks. Each is a role, too."""


def person_key_file(folder: Path, person: str) -> Path:
    return folder / f"{person}-key"


def make_hospital(folder: Path, hospital: str, addresses: Addresses) -> Path:
    """The hospitals file of one practising hospital, written anew since addresses may change; its keys stay."""
    keep(folder / f"{hospital}.key", _practice_private_key)
    keep(folder / f"{hospital}.app-secret", practice_text)
    path = folder / "hospitals.toml"
    write_over(
        path,
        f"""\
# For practice on the simulators. `medpay up` writes it anew at every start: to change it, copy it and name the copy in
# MEDPAY_HOSPITALS_FILE.
[centres.{CENTRE_NAME}]
url = "{addresses.insurance_url}"
platform_public_key = "{centre_public_key(folder)}"

[hospitals.{hospital}]
centre = "{CENTRE_NAME}"
org_codg = "{ORG_CODG}"
app_id = "{keep(folder / f"{hospital}.app-id", lambda: secrets.token_hex(16).upper())}"
app_secret = "file:{hospital}.app-secret"
private_key = "file:{hospital}.key"
his_url = "{addresses.his_url}"
{"".join(_person(folder, hospital, person) for person in PEOPLE)}""",
    )
    return path


def _practice_private_key() -> str:
    """Marked, so that it is refused wherever real patients are. All but one in 2³² are on the curve."""
    while True:
        key = base64.b64encode(practice_bytes()).decode("ascii")
        with suppress(ValueError):
            sm.private_key_bytes(key)
            return key


def _person(folder: Path, hospital: str, person: str) -> str:
    """A person's lines of the hospitals file. The key itself is only in its own file."""
    key = keep(person_key_file(folder, person), lambda: secrets.token_urlsafe(32))
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"""
[[hospitals.{hospital}.keys]]
name = "{person}"
role = "{person}"
sha256 = "{digest}"
"""


def make_centre(folder: Path, hospital: Hospital, notice_url: str) -> Path:
    """The simulated centre's side of this hospital: the same profile, and its own key."""
    profile = hospital.centre
    config = CentreConfig(
        private_key=_centre_key(folder),
        app_id=hospital.app_id,
        app_secret=hospital.app_secret,
        hospital_public_key=sm.public_key_of(hospital.private_key),
        org_codg=hospital.org_codg,
        notice_url=notice_url,
        **profile.model_dump(include={*CentreForm.model_fields, "repeated_upload"}),
    )
    path = folder / CENTRE_FILE
    write_over(path, config.model_dump_json(indent=2) + "\n")
    return path


def centre_public_key(folder: Path) -> str:
    """What `platform_public_key` must be for the simulated centre's answers to be believed."""
    return sm.public_key_of(_centre_key(folder))


def _centre_key(folder: Path) -> str:
    return keep(folder / "centre.key", lambda: sm.generate_key_pair().private_key_b64)
