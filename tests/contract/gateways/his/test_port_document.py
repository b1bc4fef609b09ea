"""docs/his-port.md is what hospitals build against: its examples are what the adapter reads."""

import json
import re
from pathlib import Path
from typing import Any

from gateways.his.answers import FeesAnswer, InsuranceAnswer, PatientAnswer, RegistrationAnswer, read
from gateways.his.port import REASONS
from simulator.his.operations import OPERATIONS

DOCUMENT = Path("docs/his-port.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)]


def example_with(field: str) -> dict[str, Any]:
    (data,) = [example["DATA"] for example in EXAMPLES if field in example.get("DATA", {})]
    return data if isinstance(data, dict) else {}


def test_the_patient() -> None:
    patient = example_with("PATIENT_NAME")
    assert read("patient", PatientAnswer, patient).psn_no
    assert read("patient", InsuranceAnswer, patient).insutype == "310"


def test_the_fees() -> None:
    fees = read("prescription_fees", FeesAnswer, example_with("feedetailList")).fees()
    assert fees.total_fen == 7630
    assert fees.diagnoses[0].serial == 1


def test_the_queries() -> None:
    found, nothing = [example["DATA"] for example in EXAMPLES if "FOUND" in example.get("DATA", {})]
    assert read("registration_query", RegistrationAnswer, found).visit_id == "V10001"
    assert nothing == {"FOUND": False}


def test_every_operation_and_every_reason_has_its_place() -> None:
    operations = re.findall(r"^### `([a-z-]+)`:", DOCUMENT, re.MULTILINE)
    assert sorted(operations) == sorted(name.replace("_", "-") for name in OPERATIONS)
    assert all(f"| `{reason}` |" in DOCUMENT for reason in REASONS)
