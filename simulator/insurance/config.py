"""A simulated centre's configuration, a JSON file: its own keys and its one hospital."""

from typing import Literal

from pydantic import ConfigDict, Field, HttpUrl, TypeAdapter, ValidationError, field_validator

from gateways.insurance.profile import DEFAULT_PATHS, CentreForm

_URL = TypeAdapter(HttpUrl)


class CentreConfig(CentreForm):
    """The fields of `CentreForm` must be the same as in the hospital's `[centres.NAME]`.

    `private_key`: the centre's own. `hospital_public_key`: verifies requests. `notice_url`: the address for 6302, which
    is not sent if None. `repeated_upload`: how 6201 answers a known medOrgOrd. `full_refund`: the ordStas of a full
    refund, always 7, or by what was paid: 8 for insurance alone, 9 for cash alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    private_key: str = Field(repr=False)
    app_id: str
    app_secret: str = Field(repr=False)
    hospital_public_key: str
    org_codg: str
    notice_url: str | None = None
    repeated_upload: Literal["same_order", "refused"] = "same_order"
    full_refund: Literal["refunded", "by_kind"] = "refunded"

    @field_validator("notice_url")
    @classmethod
    def _is_an_address(cls, text: str | None) -> str | None:
        try:
            return text if text is None else str(_URL.validate_python(text))
        except ValidationError:
            raise ValueError("must be an http:// or https:// address") from None

    @field_validator("paths")
    @classmethod
    def _are_transactions(cls, paths: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(paths) - set(DEFAULT_PATHS)):
            raise ValueError(f"no transactions: {', '.join(unknown)}")
        return paths
