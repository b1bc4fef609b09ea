"""All settings: `MEDPAY_*` from the environment or `.env`. The unit is last in a name: `_S` is seconds."""

import ipaddress
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, Field, HttpUrl, TypeAdapter, ValidationError, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from domain.values.written import bare
from security.environment import DOT_ENV, PREFIX, dot_env_values
from security.keys.practice import is_practice_text
from security.tls import TlsFileError, TlsFiles

DAY_S = 86_400
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SECRET_CHARS_MIN = 16
"""For a secret that others could try to guess."""

PORT_MAX = 65_535
CALL_TIMEOUT_S_MAX = 120
REVERSAL_WINDOW_S_MAX = 3_600
"""revsToken is valid for one hour: a longer window would promise reversals that the centre refuses."""

_URL = TypeAdapter(HttpUrl)
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}


def _database_url(text: str) -> str:
    """The URL with our asynchronous driver. Raises ValueError, which never repeats the password."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _DRIVERS or not rest:
        raise ValueError("must start with sqlite:/// or postgresql://")
    query = dict(parse_qsl(rest.partition("?")[2]))
    if "ssl" in query or query.get("sslmode", "disable") not in {"disable", "verify-full"}:
        raise ValueError("TLS is sslmode=verify-full or disable: other modes don't verify the server")
    return f"{_DRIVERS[scheme]}://{rest}"


def http_address(text: str) -> str:
    """`text`, unchanged, if it is an HTTP address. Raises ValueError."""
    try:
        _URL.validate_python(text)
    except ValidationError:
        raise ValueError("must be an http:// or https:// address") from None
    return text


def _http_url(text: str) -> str:
    return http_address(text).rstrip("/")


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= PORT_MAX:
        raise ValueError("must be HOST:PORT")
    return text


def _printable(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces: it travels in an HTTP header")
    return text


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas. Raises ValueError."""
    try:
        found = tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        raise ValueError("must be addresses or networks, such as 10.0.0.5,10.1.0.0/24") from None
    if any(network.prefixlen == 0 for network in found):
        raise ValueError("must not be all addresses: then everybody would choose their own")
    return found


def _networks(text: str) -> str:
    return ",".join(map(str, networks(text)))


CallsPerMinute = Annotated[int, Field(ge=0, le=10_000_000)]
Seconds = Annotated[int, Field(ge=1, le=DAY_S)]
Port = Annotated[int, Field(ge=1, le=PORT_MAX)]
Url = Annotated[str, AfterValidator(_http_url)]


def _origin(text: str) -> str:
    address = _http_url(text)
    _, separator, place = address.partition("://")
    if not separator or "/" in place:
        raise ValueError("must be http://HOST[:PORT] or https://HOST[:PORT], without a path")
    return address.lower()


class _OwnDotEnv(DotEnvSettingsSource):
    """`.env` as `security.environment` reads it: only the user's own, and never all of it. Raises `DotEnvError`."""

    def _read_env_files(self) -> Mapping[str, str | None]:
        given = {} if self.env_file is None else dot_env_values()
        return {name.lower(): value for name, value in given.items() if value}


class Settings(BaseSettings):
    """Every setting. `.env.example` lists them with units and defaults; a test compares the two."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOT_ENV,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    api_key: Annotated[str, AfterValidator(_printable)] | None = Field(default=None, repr=False)
    auth: Literal["key", "none"] = "key"
    rate_limit_per_minute: CallsPerMinute = 30_000
    refusals_per_minute: CallsPerMinute = 1_200
    calls_at_once: Annotated[int, Field(ge=0, le=10_000)] = 10
    trusted_proxies: Annotated[str, AfterValidator(_networks)] | None = None
    request_timeout_s: Seconds = 30
    metrics_access: Literal["open", "key"] = "open"
    api_tls_cert: Path | None = None
    api_tls_key: Path | None = None
    temporal_address: Annotated[str, AfterValidator(_host_and_port)] = "127.0.0.1:7233"
    temporal_namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")] = "default"
    temporal_tls: Literal["off", "on"] = "off"
    temporal_tls_ca: Path | None = None
    temporal_tls_cert: Path | None = None
    temporal_tls_key: Path | None = None
    temporal_tls_server_name: str | None = None
    temporal_ui_port: Port = 8233
    temporal_ui_writes: Literal["off", "on"] = "off"
    codec_origin: Annotated[str, AfterValidator(_origin)] | None = None
    temporal_cli: str | None = None
    task_queue: Annotated[str, Field(min_length=1, max_length=200)] = "payments"
    database_url: Annotated[str, AfterValidator(_database_url)] | None = Field(default=None, repr=False)
    database_tls_ca: Path | None = None
    database_tls_cert: Path | None = None
    database_tls_key: Path | None = None
    insurance_url: Url | None = None
    his_url: Url | None = None
    his_timeout_s: Annotated[int, Field(ge=1, le=CALL_TIMEOUT_S_MAX)] = 20
    calls_at_once_max: Annotated[int, Field(ge=4, le=1_000)] = 40
    sim_insurance_port: Port = 8101
    sim_his_port: Port = 8102
    data_dir: Path = Path(".medpay")
    hospitals_file: Path | None = None
    keyring_file: Path | None = None
    keyring: str | None = Field(default=None, repr=False)
    practice: bool = False
    hospital: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")] = "main"
    payment_window_s: Seconds = 1800
    auto_finish_after_s: Seconds = 300
    his_retry_budget_s: Seconds = 1200
    reversal_window_s: Annotated[int, Field(ge=1, le=REVERSAL_WINDOW_S_MAX)] = 3600
    pre_settle_budget_s: Seconds = 120
    sync_wait_s: Seconds = 15
    watch_after_s: Seconds = 30
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then `.env`."""
        del file_secret_settings
        # `_env_file=None` reads none, as the demo and tests must.
        file = dotenv_settings.env_file if isinstance(dotenv_settings, DotEnvSettingsSource) else None
        return init_settings, env_settings, _OwnDotEnv(settings_cls, env_file=file)

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Texts without what an editor or a shell puts around them; what is then empty is not set."""
        texts = {name: bare(value) if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in texts.items() if value != ""}

    @model_validator(mode="after")
    def _tls_is_safe(self) -> Self:
        for prefix in ("api", "temporal", "database"):
            try:
                files = self._tls_files(prefix)
                if files is not None:
                    files.checked()
            except TlsFileError as problem:
                raise ValueError(f"{env_name(f'{prefix}_tls_{problem.part}')}: {problem}") from None
        if self._tls_files("database") and not self.database.startswith("postgresql"):
            raise ValueError("MEDPAY_DATABASE_URL: is not PostgreSQL, but MEDPAY_DATABASE_TLS_… is set")
        return self

    def _tls_files(self, prefix: str) -> TlsFiles | None:
        """The files set by `{prefix}_tls_…`; None if there are none."""
        match prefix:
            case "api":
                files = TlsFiles(cert=self.api_tls_cert, key=self.api_tls_key)
            case "temporal":
                files = TlsFiles(
                    ca=self.temporal_tls_ca,
                    cert=self.temporal_tls_cert,
                    key=self.temporal_tls_key,
                    server_name=self.temporal_tls_server_name,
                )
            case _:
                files = TlsFiles(ca=self.database_tls_ca, cert=self.database_tls_cert, key=self.database_tls_key)
        return files if any(dict(files).values()) else None

    @cached_property
    def api_tls(self) -> TlsFiles | None:
        """The API's own certificate and key; None: the API speaks HTTP."""
        return self._tls_files("api")

    @cached_property
    def temporal_tls_files(self) -> TlsFiles | None:
        """TLS with Temporal; None: no TLS."""
        return self._tls_files("temporal") or (TlsFiles() if self.temporal_tls == "on" else None)

    @cached_property
    def database(self) -> str:
        """The database's asynchronous URL, including TLS; by default a SQLite file in the data folder."""
        url = self.database_url or f"sqlite:///{self.data_dir / 'medpay.db'}"
        files = self._tls_files("database")
        if files is None:
            return url
        place, _, query = url.partition("?")
        tls = {"sslmode": "verify-full", "sslrootcert": files.ca, "sslcert": files.cert, "sslkey": files.key}
        given = {name: str(value) for name, value in tls.items() if value is not None}
        return f"{place}?{urlencode(dict(parse_qsl(query)) | given)}"

    @cached_property
    def hospitals_path(self) -> Path:
        return self.hospitals_file or self.data_dir / "hospitals.toml"

    @cached_property
    def keyring_path(self) -> Path:
        return self.keyring_file or self.data_dir / "keyring.json"

    @property
    def proxies(self) -> tuple[Network, ...]:
        """Whose `X-Forwarded-For` is believed."""
        return networks(self.trusted_proxies) if self.trusted_proxies else ()

    @property
    def codec_page_origin(self) -> str:
        """The origin whose pages may call the codec from a browser: the Temporal UI's, by default the embedded UI."""
        return self.codec_origin or f"http://{self.temporal_address.rpartition(':')[0]}:{self.temporal_ui_port}"

    @property
    def weak_api_key(self) -> str | None:
        """Why MEDPAY_API_KEY is too weak for an API that other machines can reach, in a line; None if it is not."""
        if self.api_key is None or self.auth == "none" or is_loopback(self.api_host):
            return None
        if len(self.api_key) < SECRET_CHARS_MIN:
            return f"MEDPAY_API_KEY: has less than {SECRET_CHARS_MIN} characters, and {self.api_host} is not loopback"
        if is_practice_text(self.api_key) and not self.practice:
            return f"MEDPAY_API_KEY: is a key for practice, and {self.api_host} is not loopback"
        return None

    def guards_keys(self, *urls: str) -> bool:
        """Whether keys must be safe: this is not a practice setup, and part of it is on another machine.

        `urls`: further parties, such as `hospitals.parties`.
        """
        named = [url for url in (self.insurance_url, self.his_url, *urls) if url]
        hosts = [self.api_host, self.temporal_host, *_database_hosts(self.database)]
        hosts += [urlsplit(url).hostname or "" for url in named]
        return not self.practice and not all(map(is_loopback, hosts))

    @property
    def temporal_host(self) -> str:
        return self.temporal_address.rpartition(":")[0].strip("[]")

    @property
    def temporal_port(self) -> int:
        return int(self.temporal_address.rpartition(":")[2])


def _database_hosts(url: str) -> list[str]:
    """Where PostgreSQL is; nothing for a file or a socket of this machine."""
    place = urlsplit(url)
    _, _, hosts = place.netloc.rpartition("@")
    named = [*hosts.split(","), *(host for name, host in parse_qsl(place.query) if name == "host")]
    bare_hosts = [host if host.endswith("]") else host.rpartition(":")[0] or host for host in named]
    return [host for host in bare_hosts if host and not host.startswith("/")]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def env_name(field: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{field.upper()}"


def complaints(invalid: ValidationError) -> list[str]:
    """One line for each invalid setting, with the name of its environment variable and without its value."""
    errors = invalid.errors(include_url=False, include_input=False, include_context=False)
    return [_complaint([str(part) for part in error["loc"]], error["msg"]) for error in errors]


def _complaint(place: list[str], message: str) -> str:
    """A problem without a place concerns several settings and names them itself."""
    text = message.removeprefix("Value error, ")
    return f"{env_name(place[0])}: {text}" if place else text
