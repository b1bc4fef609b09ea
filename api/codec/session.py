"""A browser's decoding session of one hour: a cookie that only this service can make or read, until it is ended."""

import base64
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import ValidationError
from starlette.responses import Response

from api.access.keys import Caller
from domain.base import Frozen
from security.access_log import Access, AccessEvent
from security.crypto.keyring import Keyring, SealBrokenError
from storage.session import Database

COOKIE = "medpay_codec"
PATH = "/codec"
SESSION_S = 3_600
_CONTEXT = "codec/session"


class Session(Frozen):
    """What the cookie holds. `until`: Unix time. The rest says whose session it is, also once the key is gone."""

    id: str
    key: str
    until: float
    hospital: str
    key_name: str
    role: str


class CodecSessions:
    """The cookie holds the sealed key, which is checked again at every use; the database knows who signed out.

    So removing a key from the hospitals file ends its sessions, and signing out ends one in all API processes.
    """

    def __init__(self, keyring: Keyring, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._database = database
        self._clock = clock

    def opened(self, response: Response, key: str, caller: Caller, *, secure: bool) -> Response:
        """`response` with the cookie set. `secure`: whether the API is reached over HTTPS."""
        session = Session(
            id=secrets.token_hex(16),
            key=key,
            until=self._clock() + SESSION_S,
            hospital=caller.hospital.id,
            key_name=caller.key_name,
            role=caller.role.value,
        )
        sealed = base64.urlsafe_b64encode(self._keyring.seal(session.model_dump_json(), _CONTEXT).encode()).decode()
        response.set_cookie(
            COOKIE, sealed, max_age=SESSION_S, path=PATH, secure=secure, httponly=True, samesite="strict"
        )
        return response

    def closed(self, response: Response) -> Response:
        """`response` with the cookie taken back."""
        response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
        return response

    async def end(self, cookie: str) -> None:
        """End the session at once and record it, unless it has ended or the cookie is not ours."""
        session = self._sealed_in(cookie)
        if session is None:
            return
        access = Access(AccessEvent.CODEC_SESSION_CLOSED, session.hospital, session.key_name, session.role)
        async with self._database.begin() as unit:
            if await unit.ended_sessions.end(session.id, datetime.fromtimestamp(session.until, UTC)):
                await unit.access.append(access)

    async def key_in(self, cookie: str) -> str | None:
        """The key in the cookie; None if the session has ended or the cookie is not ours."""
        session = self._sealed_in(cookie)
        if session is None:
            return None
        async with self._database.read() as unit:
            return None if await unit.ended_sessions.has_ended(session.id) else session.key

    def _sealed_in(self, cookie: str) -> Session | None:
        """The session of the cookie, unless its hour is over."""
        try:
            opened = self._keyring.open(base64.urlsafe_b64decode(cookie).decode(), _CONTEXT)
            session = Session.model_validate_json(opened)
        except (SealBrokenError, ValidationError, ValueError):
            return None
        return session if self._clock() < session.until else None
