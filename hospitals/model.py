"""A hospital with its secrets resolved and its centre's profile."""

from collections.abc import Mapping
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.orders import Registers
from domain.values.china_time import CHINA
from gateways.his.port import HisRepeats
from gateways.insurance.profile import CentreProfile, HospitalAccount
from security.tls import TlsFiles

HospitalId = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]


class Role(StrEnum):
    """What a key is for. `api.access.rights` says what each role may do."""

    CALLER = "caller"
    OPERATOR = "operator"
    APPROVER = "approver"
    AUDITOR = "auditor"


class ApiKey(BaseModel):
    """A caller's or a person's key. `sha256`: in hex; the key itself is never stored.

    `expires`: the first day, in China, on which it is no longer valid. `hmac_secret`: signs its calls, if set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    role: Role
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    expires: date | None = None
    hmac_secret: str | None = Field(default=None, repr=False)

    @property
    def expires_at(self) -> datetime | None:
        return None if self.expires is None else datetime.combine(self.expires, time(), CHINA)


class WebhookTarget(BaseModel):
    """Where a caller's notifications are sent, and the secret that signs them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(repr=False)
    secret: str = Field(repr=False)


class Hospital(HospitalAccount):
    """A `[hospitals.NAME]` of the hospitals file, with its secrets resolved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: HospitalId
    centre: CentreProfile
    registers: Registers = Registers.MEDPAY
    his_url: str
    his_tls: TlsFiles | None = None
    his_repeats: HisRepeats = HisRepeats.ASK
    webhook: WebhookTarget | None = None
    keys: tuple[ApiKey, ...] = ()


def parties(hospitals: Mapping[str, Hospital]) -> list[str]:
    """The addresses of all whom these hospitals' data or keys reach: centres, HIS, receivers of webhooks."""
    webhooks = [hospital.webhook.url for hospital in hospitals.values() if hospital.webhook is not None]
    return [url for hospital in hospitals.values() for url in (hospital.centre.url, hospital.his_url)] + webhooks
