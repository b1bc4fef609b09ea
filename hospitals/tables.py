"""The tables of the hospitals file as written, each value checked on its own."""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
)

from domain.orders import Registers
from domain.values.identity import Document
from gateways.his.port import HisRepeats
from gateways.insurance.profile import DEFAULT_PATHS, CentreProfile
from hospitals.model import ApiKey
from security.crypto.sm_keys import public_key_text
from security.tls import TlsFiles
from settings import CALL_TIMEOUT_S_MAX, Url, http_address

APP_ID_CHARS_MIN = 16
_ID_TYPE = re.compile(r"[0-9A-Za-z]{1,8}", re.ASCII)


def check_app_id(text: str) -> str:
    """The SM4 key is derived from the first 16 characters (protocol 3.1). Raises ValueError."""
    if len(text) < APP_ID_CHARS_MIN or not text.isascii():
        raise ValueError(f"must have at least {APP_ID_CHARS_MIN} ASCII characters")
    return text


class CentreTable(CentreProfile):
    """`[centres.NAME]`."""

    url: Url
    platform_public_key: Annotated[str, AfterValidator(public_key_text)]
    repeated_upload: Literal["same_order", "refused"] = "same_order"
    """How this centre's simulator answers 6201 for a known medOrgOrd. medpay itself does not rely on it: it judges a
    repeated 6201 by the answer, since a profile may be wrong."""

    @field_validator("paths")
    @classmethod
    def _paths(cls, paths: dict[str, str]) -> dict[str, str]:
        _only_known_transactions(paths)
        if wrong := [txn for txn, path in paths.items() if not path.startswith("/")]:
            raise ValueError(f"the path of {wrong[0]} must start with /")
        return paths

    @field_validator("timeouts_s")
    @classmethod
    def _timeouts(cls, timeouts_s: dict[str, float]) -> dict[str, float]:
        _only_known_transactions(timeouts_s)
        if wrong := [txn for txn, seconds in timeouts_s.items() if not 0 < seconds <= CALL_TIMEOUT_S_MAX]:
            raise ValueError(f"the timeout of {wrong[0]} must be above 0 and at most {CALL_TIMEOUT_S_MAX:g} s")
        return timeouts_s

    @field_validator("id_types", mode="before")
    @classmethod
    def _id_types(cls, id_types: object) -> object:
        if isinstance(id_types, dict) and (unknown := sorted(map(str, id_types.keys() - set(Document)))):
            raise ValueError(f"unknown document {unknown[0]}; known: {', '.join(Document)}")
        return id_types

    @field_validator("id_types")
    @classmethod
    def _codes(cls, id_types: dict[Document, str]) -> dict[Document, str]:
        if wrong := [document for document, code in id_types.items() if not _ID_TYPE.fullmatch(code)]:
            raise ValueError(f"the idType of {wrong[0]} must have 1 to 8 ASCII letters or digits")
        return id_types

    @field_validator("upload_fields")
    @classmethod
    def _no_document(cls, upload_fields: dict[str, str]) -> dict[str, str]:
        if "idType" in upload_fields:
            raise ValueError("idType belongs in id_types, by document")
        return upload_fields


def _only_known_transactions(table: dict[str, str] | dict[str, float]) -> None:
    if unknown := sorted(set(table) - set(DEFAULT_PATHS)):
        raise ValueError(f"unknown transaction {unknown[0]}; known: {', '.join(DEFAULT_PATHS)}")


class WebhookTable(BaseModel):
    """`[hospitals.NAME.webhook]`. The secret is a reference, see `secret_values`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, AfterValidator(http_address)]
    """Exactly as written: a trailing slash may matter to the receiver, and redirects are not followed."""
    secret: str = Field(repr=False)


class HospitalTable(BaseModel):
    """`[hospitals.NAME]`. Secrets are references, see `secret_values`."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    centre: str
    org_codg: str = Field(min_length=1, max_length=64)
    app_id: Annotated[str, AfterValidator(check_app_id)]
    app_secret: str = Field(repr=False)
    private_key: str = Field(repr=False)
    registers: Registers = Registers.MEDPAY
    his_url: Url
    his_tls: TlsFiles | None = None
    his_repeats: HisRepeats = HisRepeats.ASK
    webhook: WebhookTable | None = None
    keys: tuple[ApiKey, ...] = ()
