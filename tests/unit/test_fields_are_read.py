"""Every setting, and every field of the hospitals file, does something: one that nothing reads misleads."""

import ast
from functools import cache, cached_property
from pathlib import Path

import pytest
from pydantic import BaseModel

from hospitals.model import ApiKey, Hospital, WebhookTarget
from hospitals.tables import CentreTable, HospitalTable, WebhookTable
from security.tls import TlsFiles
from settings import Settings

ROOT = Path(__file__).parents[2]
FOLDERS = ["activities", "api", "cli", "domain", "gateways", "hospitals", "security", "storage", "workflows"]
CHECKS_AND_COPIES = {"hospitals/loading.py", "hospitals/tables.py", "cli/stack/practice.py"}
"""What only checks a field, or hands it to the simulator, makes no use of it."""

FOR_THE_SIMULATOR = {"repeated_upload": "medpay judges a repeated 6201 by its answer, not by what a profile promises"}

MODELS: tuple[type[BaseModel], ...] = (
    Settings,
    CentreTable,
    HospitalTable,
    WebhookTable,
    Hospital,
    ApiKey,
    WebhookTarget,
    TlsFiles,
)


@cache
def attributes_read() -> set[str]:
    """Of anything, by the product: names are distinct enough."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    files += [ROOT / "settings.py", ROOT / "worker.py"]
    return {
        node.attr
        for path in files
        if path.relative_to(ROOT).as_posix() not in CHECKS_AND_COPIES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def own_properties(model: type[BaseModel]) -> set[str]:
    """What is made of the fields must be read, too."""
    return {name for name, value in vars(model).items() if isinstance(value, property | cached_property)}


@pytest.mark.parametrize("model", MODELS)
def test_every_field_is_read(model: type[BaseModel]) -> None:
    unread = (model.model_fields.keys() | own_properties(model)) - attributes_read()
    assert unread - FOR_THE_SIMULATOR.keys() == set()
    assert unread <= CentreTable.model_fields.keys()
