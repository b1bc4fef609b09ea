"""Files that the embedded stack makes once per data folder: keys, a hospital, the simulated centre's configuration."""

import base64
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from domain.values.identity import Document
from gateways.insurance.profile import DEFAULT_ID_TYPES, CentreForm
from hospitals import Hospital, Role
from security.crypto import sm
from security.crypto.keyring import Keyring
from security.crypto.sm_keys import private_key_text
from security.keys.files import keep, write_over
from security.keys.practice import practice_bytes, practice_text
from simulator.insurance.config import CentreConfig

ORG_CODG = "H14010000001"
CENTRE_NAME = "sim"
CENTRE_FILE = "simulator-insurance.json"


@dataclass(frozen=True)
class Addresses:
    """The addresses of the centre and of HIS, and the one to which the centre sends 6302."""

    insurance_url: str
    his_url: str
    notice_url: str


def make_api_key(folder: Path) -> str:
    return keep(folder / "api-key", practice_text)


def make_keyring(path: Path) -> None:
    """Make the keyring unless there is one: losing its keys loses the data that they sealed."""
    if not path.exists():
        Keyring.generate_for_practice().save(path)


PEOPLE = (Role.OPERATOR, Role.APPROVER, Role.AUDITOR)
"""The people of the practice hospital, named by their roles: two decide its review queue, one audits."""


def person_key_file(folder: Path, person: str) -> Path:
    return folder / f"{person}-key"


def make_hospital(folder: Path, hospital: str, addresses: Addresses) -> Path:
    """Write the hospitals file of one practice hospital, anew each time since addresses may change; its keys stay."""
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
# Made up for practice: a real centre tells its own.
id_types = {{ {_id_types()} }}

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


def _id_types() -> str:
    """A code for each document besides the identity card, so that all can be rehearsed."""
    others = (document for document in Document if document not in DEFAULT_ID_TYPES)
    return ", ".join(f'{document} = "{code}"' for code, document in enumerate(others, start=91))


def _practice_private_key() -> str:
    """Marked as a practice key, to be refused wherever real patients are. All but one in 2³² are in SM2's range."""
    while True:
        key = base64.b64encode(practice_bytes()).decode("ascii")
        with suppress(ValueError):
            return private_key_text(key)


def _person(folder: Path, hospital: str, person: str) -> str:
    """A person's lines in the hospitals file. The key itself stays in a file of its own."""
    key = keep(person_key_file(folder, person), lambda: secrets.token_urlsafe(32))
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"""
[[hospitals.{hospital}.keys]]
name = "{person}"
role = "{person}"
sha256 = "{digest}"
"""


def make_centre(folder: Path, hospital: Hospital, notice_url: str, app_secret: str) -> Path:
    """Write the simulated centre's configuration for this hospital: the same profile, and the centre's own key.

    `app_secret`: shared with the hospital, unless its centre is a real one.
    """
    profile = hospital.centre
    config = CentreConfig(
        private_key=_centre_key(folder),
        app_id=hospital.app_id,
        app_secret=app_secret,
        hospital_public_key=sm.public_key_of(hospital.private_key),
        org_codg=hospital.org_codg,
        notice_url=notice_url,
        **profile.model_dump(include={*CentreForm.model_fields, "repeated_upload"}),
    )
    path = folder / CENTRE_FILE
    write_over(path, config.model_dump_json(indent=2) + "\n")
    return path


def centre_public_key(folder: Path) -> str:
    """The `platform_public_key` with which the simulated centre's answers verify."""
    return sm.public_key_of(_centre_key(folder))


def _centre_key(folder: Path) -> str:
    return keep(folder / "centre.key", lambda: sm.generate_key_pair().private_key_b64)
