"""The one settings class: `MEDPAY_*` from the environment or `.env`. Units stand last in a name: `_S` is seconds."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[int, Field(ge=1, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="MEDPAY_", env_file=".env", env_ignore_empty=True, extra="ignore")

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    api_key: str | None = Field(default=None, repr=False)
    auth: Literal["key", "none"] = "key"
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_ui_port: Port = 8233
    temporal_cli: str | None = None
    task_queue: str = "payments"
    database_url: str | None = Field(default=None, repr=False)
    insurance_url: str | None = None
    his_url: str | None = None
    sim_insurance_port: Port = 8101
    sim_his_port: Port = 8102
    data_dir: Path = Path(".medpay")
    hospitals_file: Path | None = None
    keyring_file: Path | None = None
    hospital: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")] = "main"
    payment_window_s: Seconds = 1800
    auto_finish_after_s: Seconds = 300
    his_retry_budget_s: Seconds = 1200
    reversal_window_s: Seconds = 3600
    pre_settle_budget_s: Seconds = 120
    sync_wait_s: Seconds = 15
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @cached_property
    def database(self) -> str:
        """The database's async URL; by default a SQLite file in the data folder."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'medpay.db'}"

    @cached_property
    def hospitals_path(self) -> Path:
        return self.hospitals_file or self.data_dir / "hospitals.toml"

    @cached_property
    def keyring_path(self) -> Path:
        return self.keyring_file or self.data_dir / "keyring.json"
