"""What a simulated centre is told of itself and of its one hospital: a JSON file."""

from typing import Literal

from pydantic import ConfigDict, Field, HttpUrl, TypeAdapter, ValidationError, field_validator

from gateways.insurance.profile import DEFAULT_PATHS, CentreForm

_URL = TypeAdapter(HttpUrl)


class CentreConfig(CentreForm):
    """The form stands here as it stands in the hospital's `[centres.NAME]`; both sides must agree.

    `private_key`: the centre's own. `hospital_public_key`: verifies requests. `notice_url`: where 6302 goes; None:
    nowhere. `repeated_upload`: what 6201 answers to a known medOrgOrd. `full_refund`: what the end of a full refund is
    called, 7 always or by what was paid, 8 for insurance alone and 9 for cash alone.
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
