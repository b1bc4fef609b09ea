"""A hospital as the rest of the product sees it: its secrets read, its centre beside it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.orders import Registers
from gateways.insurance.profile import CentreProfile, HospitalAccount

HospitalId = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]


class ApiKey(BaseModel):
    """A caller or a person. `sha256`: hex of the key's SHA-256; the key itself is never stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    role: Literal["caller", "operator", "approver", "auditor"]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class WebhookTarget(BaseModel):
    """Where the caller is told how its payments end, and what signs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(repr=False)
    secret: str = Field(repr=False)


class Hospital(HospitalAccount):
    """One `[hospitals.NAME]`, its secrets read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: HospitalId
    centre: CentreProfile
    centre_name: str
    registers: Registers = Registers.MEDPAY
    his_url: str
    webhook: WebhookTarget | None = None
    keys: tuple[ApiKey, ...] = ()
