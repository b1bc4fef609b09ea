from starlette.responses import Response

from api.codec.session import SESSION_S, CodecSessions
from security.crypto.keyring import Keyring


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def cookie(sessions: CodecSessions, *, secure: bool = False) -> tuple[str, str]:
    """Its value and its flags."""
    header = sessions.opened(Response(), "the key", secure=secure).headers["Set-Cookie"]
    pair, _, flags = header.partition("; ")
    return pair.partition("=")[2].strip('"'), flags


def test_the_key_comes_back_until_the_session_is_over() -> None:
    clock = Clock()
    sessions = CodecSessions(Keyring.generate(), clock)
    value, _ = cookie(sessions)
    clock.now += SESSION_S - 1
    assert sessions.key_in(value) == "the key"
    clock.now += 1
    assert sessions.key_in(value) is None


def test_another_keyring_s_cookie_is_none() -> None:
    value, _ = cookie(CodecSessions(Keyring.generate()))
    assert CodecSessions(Keyring.generate()).key_in(value) is None


def test_over_https_it_never_travels_in_the_clear() -> None:
    sessions = CodecSessions(Keyring.generate())
    assert "Secure" in cookie(sessions, secure=True)[1]
    assert "Secure" not in cookie(sessions)[1]
