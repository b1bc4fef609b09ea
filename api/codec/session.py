"""A browser's decoding session of one hour: a cookie that only this service can make or read."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from security.crypto.keyring import Keyring, SealBrokenError

COOKIE = "medpay_codec"
PATH = "/codec"
SESSION_S = 3_600
_CONTEXT = "codec/session"


class CodecSessions:
    """Stateless: the cookie holds the sealed key, which is checked again at every use.

    So removing a key from the hospitals file ends its sessions, and API processes share no state.
    """

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def opened(self, response: Response, key: str, *, secure: bool) -> Response:
        """`response` with the cookie set. `secure`: whether the API is reached over HTTPS."""
        content = json.dumps({"key": key, "until": self._clock() + SESSION_S})
        sealed = base64.urlsafe_b64encode(self._keyring.seal(content, _CONTEXT).encode()).decode()
        response.set_cookie(
            COOKIE, sealed, max_age=SESSION_S, path=PATH, secure=secure, httponly=True, samesite="strict"
        )
        return response

    def closed(self, response: Response) -> Response:
        response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
        return response

    def key_in(self, cookie: str) -> str | None:
        """The key in the cookie; None if the session has ended or the cookie is not ours."""
        try:
            content: dict[str, Any] = json.loads(
                self._keyring.open(base64.urlsafe_b64decode(cookie).decode(), _CONTEXT)
            )
        except (SealBrokenError, ValueError):
            return None
        return str(content["key"]) if self._clock() < content["until"] else None
