"""docs/security.md against the code: its data map names what is sealed, and its commands exist."""

import re
from pathlib import Path

from storage.sealing import SEALED

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
CALLED = {
    "id_no": "ID_NO",
    "insured_name": "HIS's name",
    "patient_name": "PATIENT_NAME",
    "pay_auth_no": "payAuthNo",
    "pay_token": "payToken",
    "result": "a step's result",
    "revs_token": "revsToken",
    "si_personal_no": "siPersonalNo",
    "uld_latlnt": "uldLatlnt",
}
"""Column to the field's name in the data map."""


def test_each_sealed_column_is_on_the_data_map_as_sealed() -> None:
    assert CALLED.keys() == SEALED
    rows = [line.split("|") for line in PAGE.splitlines() if line.startswith("| ") and line.count("|") == 7]
    for name in CALLED.values():
        (row,) = [row for row in rows if name in row[1]]
        assert (row[3].strip(), row[4].strip()) == ("sealed", "sealed"), name


def test_each_command_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", PAGE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for module in re.findall(r"-m (tests\.[a-z_.]+)", PAGE):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    for folder in re.findall(r"pytest (tests/[a-z/]+)", PAGE):
        assert (ROOT / folder).is_dir(), folder


def test_both_readmes_lead_to_it() -> None:
    for readme in ("README.md", "README.zh-CN.md"):
        assert "(docs/security.md)" in (ROOT / readme).read_text(encoding="utf-8")
