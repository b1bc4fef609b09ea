"""A browser's leave to decode, for an hour: a cookie that only this service can read or make."""

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
    """Holds nothing: the key that was given is in the cookie, sealed, and is looked up anew at every use.

    So a key that is taken out of the hospitals file opens nothing any more, and several processes need no common state.
    """

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def opened(self, response: Response, key: str, *, secure: bool) -> Response:
        """`response` with the cookie. `secure`: whether we are reached by HTTPS."""
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
        """The key, while the session lasts."""
        try:
            content: dict[str, Any] = json.loads(
                self._keyring.open(base64.urlsafe_b64decode(cookie).decode(), _CONTEXT)
            )
        except (SealBrokenError, ValueError):
            return None
        return str(content["key"]) if self._clock() < content["until"] else None
