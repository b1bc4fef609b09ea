"""The real API on a real uvicorn, with its own SQLite database, keyring and hospitals file."""

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from api.app import create_app
from api.web.server import server_config
from gateways.insurance.envelope import Envelope, utc_now
from gateways.insurance.profile import CentreProfile
from security.crypto.keyring import Keyring
from security.crypto.sm import GmsslSigner, GmsslVerifier, KeyPair, generate_key_pair
from settings import Settings
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.waiting import eventually

KEY = "test-caller-key"
KEYS = {
    "operator": "operator-key",
    "approver": "approver-key",
    "auditor": "auditor-key",
    "west": "west-caller-key",
}
EXPIRED_KEY = "expired-caller-key"
SIGNING_KEY = "signing-caller-key"
SIGNING_SECRET = "signing-secret-of-forty-characters-000000"
PRE_SETTLE = "/api/v1/insurance/pre-settle"
SETTLE = "/api/v1/insurance/settle"
NOTICE = "/api/v1/insurance/settlement-notice"

_RESERVED: list[socket.socket] = []
_CENTRE = generate_key_pair()
_HOSPITAL = generate_key_pair()
APP_ID = "A" * 32
"""Of both hospitals: they share an account at their centre."""
_APP_SECRET = "made-up-secret"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    json: Any

    @property
    def code(self) -> str:
        return self.headers.get("X-Error-Code", "")

    @property
    def outcome(self) -> tuple[int, str]:
        return self.status, self.code


@dataclass(frozen=True)
class ApiServer:
    """A running API. `keyring` and `settings` are its own, to look behind it."""

    url: str
    settings: Settings
    keyring: Keyring
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, *, key: str | None = KEY, **kwargs: Any) -> Answer:
        headers = dict(kwargs.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        async with self.session.request(method, self.url + path, headers=headers, **kwargs) as response:
            text = await response.text(errors="replace")
            as_json = await response.json() if response.content_type == "application/json" else None
            return Answer(response.status, response.headers, text, as_json)

    async def post(self, path: str, body: object, **kwargs: Any) -> Answer:
        return await self.call("POST", path, json=body, **kwargs)

    @asynccontextmanager
    async def records(self) -> AsyncIterator[Database]:
        async with Database(self.settings.database, self.keyring) as database:
            yield database


def centre_side(keys: KeyPair = _CENTRE, clock: Callable[[], datetime] = utc_now) -> Envelope:
    """Seals as the centre of these hospitals does; `keys` may be a stranger's."""
    form = CentreProfile(url="http://127.0.0.1:9", platform_public_key=_CENTRE.public_key_b64)
    return Envelope(
        app_id=APP_ID,
        app_secret=_APP_SECRET,
        form=form,
        signer=GmsslSigner(keys.private_key_b64, form.sm2_user_id),
        verifier=GmsslVerifier(_HOSPITAL.public_key_b64, form.sm2_user_id),
        clock=clock,
    )


def prepare(folder: Path, temporal_address: str, **settings: Any) -> Settings:
    """A data folder as the embedded stack would leave it, and its settings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hospitals.toml").write_text(hospitals_toml(), encoding="utf-8")
    Keyring.generate().save(folder / "keyring.json")
    made = settings_for(folder, temporal_address, **settings)
    upgrade(made.database)
    return made


def settings_for(folder: Path, temporal_address: str, **settings: Any) -> Settings:
    """The settings of a data folder that is prepared."""
    facts: dict[str, Any] = {
        "data_dir": folder,
        "temporal_address": temporal_address,
        "api_key": KEY,
        "sync_wait_s": 1,
    }
    return Settings(_env_file=None, **(facts | settings))


def hospitals_toml() -> str:
    keys = "\n".join(
        f'[[hospitals.{"west" if name == "west" else "main"}.keys]]\nname = "{name}-key"\n'
        f'role = "{"caller" if name == "west" else name}"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n'
        for name, key in KEYS.items()
    )
    keys += "".join(
        f'[[hospitals.main.keys]]\nname = "{name}"\nrole = "caller"\n{more}\n'
        f'sha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n'
        for name, key, more in (
            ("expired-key", EXPIRED_KEY, "expires = 2025-01-01"),
            ("signing-key", SIGNING_KEY, f'hmac_secret = "{SIGNING_SECRET}"'),
        )
    )
    hospitals = "\n".join(
        f'[hospitals.{name}]\ncentre = "sim"\norg_codg = "H14010000001"\napp_id = "{APP_ID}"\n'
        f'app_secret = "{_APP_SECRET}"\nprivate_key = "{_HOSPITAL.private_key_b64}"\n'
        f'his_url = "http://127.0.0.1:9"\nregisters = "{registers}"\n'
        for name, registers in (("main", "medpay"), ("west", "caller"))
    )
    centre = f'[centres.sim]\nurl = "http://127.0.0.1:9"\nplatform_public_key = "{_CENTRE.public_key_b64}"\n'
    return f"{centre}\n{hospitals}\n{keys}"


@asynccontextmanager
async def serving_api(settings: Settings) -> AsyncIterator[ApiServer]:
    """The API on a free loopback port while it runs."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = uvicorn.Server(server_config(create_app(settings), settings))
    task = asyncio.create_task(server.serve(sockets=[sock]))

    async def started() -> bool:
        return server.started or task.done()

    try:
        await eventually(started)
        async with aiohttp.ClientSession() as session:
            scheme = "https" if settings.api_tls else "http"
            url = f"{scheme}://127.0.0.1:{sock.getsockname()[1]}"
            yield ApiServer(url, settings, Keyring.load(settings.keyring_path), session)
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task


def free_port() -> int:
    """A port on which nobody listens, and that is given to nobody else while this process lives.

    It stays bound: who asks for a port finds it taken, and who is told to listen there may, since it sets SO_REUSEADDR
    as we do.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    _RESERVED.append(sock)
    port: int = sock.getsockname()[1]
    return port


def bill(**changes: object) -> dict[str, object]:
    """A valid call of interface 1; a change of None leaves a field out."""
    fields: dict[str, object] = {
        "payAuthNo": "AUTH-MARKER-1",
        "uldLatlnt": "116.40,39.90",
        "PATIENT_ID": "100001",
        "CATEGORY": "2",
        "ORDER_ID": "300001",
        "ID_NO": "110101199003070134",
        "PATIENT_NAME": "张三",
        "medOrgOrd": "M1",
        "TOTAL": "128.50",
    }
    return _changed(fields, changes)


def writing_back(**changes: object) -> dict[str, object]:
    """A valid call of interface 2; a change of None leaves a field out."""
    fields: dict[str, object] = {
        "payOrdId": "ORD1",
        "PATIENT_ID": "100001",
        "VISIT_ID": "V1",
        "medOrgOrd": "M1",
    }
    return _changed(fields, changes)


def _changed(fields: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in (fields | changes).items() if value is not None}
