"""A browser that signed in decodes with its cookie: from the UI's page alone, for an hour, while the key is valid."""

import re
import shutil
from pathlib import Path

import pytest

from tests.contract.api.codec.payloads import DECODE, JSON, OURS, UI, body_of, sealed, texts_in
from tests.support.stack.api_server import KEY, KEYS, Answer, ApiServer, free_port, serving_api, settings_for
from tests.support.stack.database import Recorded, log_of

LOGIN, LOGOUT = "/codec/login", "/codec/logout"


async def sign_in(api: ApiServer, key: str, **headers: str) -> Answer:
    return await api.call("POST", LOGIN, key=None, data={"key": key}, headers=headers, allow_redirects=False)


def cookie_of(answer: Answer) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


async def decode_with(api: ApiServer, cookie: str, origin: str | None = UI) -> Answer:
    from_page = {} if origin is None else {"Origin": origin}
    body = body_of(await sealed(api.keyring, OURS, "x"))
    return await api.call("POST", DECODE, key=None, data=body, headers={**JSON, "Cookie": cookie, **from_page})


class TestSigningIn:
    async def test_gives_a_cookie_that_no_script_and_no_other_site_can_use(self, api: ApiServer) -> None:
        answer = await sign_in(api, KEYS["auditor"])
        assert (answer.status, answer.headers["Location"]) == (303, LOGIN)
        flags = answer.headers["Set-Cookie"].lower().split("; ")[1:]
        assert sorted(flags) == ["httponly", "max-age=3600", "path=/codec", "samesite=strict"]
        assert KEYS["auditor"] not in answer.headers["Set-Cookie"]
        assert await log_of(api) == [Recorded("codec:session:opened", ("main", "auditor-key", "auditor"), "", {})]

    @pytest.mark.parametrize(("key", "status"), [(KEY, 403), ("wrong", 401), ("", 401)])
    async def test_with_another_key_does_not(self, api: ApiServer, key: str, status: int) -> None:
        answer = await sign_in(api, key)
        assert (answer.status, "Set-Cookie" in answer.headers) == (status, False)
        assert 'role="alert"' in answer.text
        assert [record.event for record in await log_of(api)] == ["api:key:refused"]

    async def test_from_another_site_s_form_is_refused(self, api: ApiServer) -> None:
        for origin in ("http://evil.example", "http://[", "http://[::1", "null", "http://a]"):
            assert (await sign_in(api, KEYS["auditor"], Origin=origin)).outcome == (403, "FORBIDDEN")
        answer = await sign_in(api, KEYS["auditor"], Origin="http://evil.example")
        assert (answer.outcome, "Set-Cookie" in answer.headers) == ((403, "FORBIDDEN"), False)
        assert (await sign_in(api, KEYS["auditor"], Origin=api.url)).status == 303

    async def test_the_page_says_what_is_left_to_do_in_the_ui(self, api: ApiServer) -> None:
        cookie = cookie_of(await sign_in(api, KEYS["operator"]))
        page = await api.call("GET", LOGIN, key=None, headers={"Cookie": cookie})
        for words in (f"{api.url}/codec", UI, "main / operator-key (operator)", "Include cross-origin credentials"):
            assert words in page.text

    async def test_the_page_has_no_script_and_cannot_be_framed(self, api: ApiServer) -> None:
        page = await api.call("GET", LOGIN, key=None)
        assert page.status == 200
        assert "<script" not in page.text
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["X-Frame-Options"] == "DENY"

    async def test_a_strange_host_is_shown_as_text(self, api: ApiServer) -> None:
        cookie = cookie_of(await sign_in(api, KEYS["operator"]))
        page = await api.call("GET", LOGIN, key=None, headers={"Cookie": cookie, "Host": 'a"><b>x'})
        assert "<b>x" not in page.text


class TestTheCookie:
    async def test_decodes_from_the_ui_s_page(self, api: ApiServer) -> None:
        answer = await decode_with(api, cookie_of(await sign_in(api, KEYS["auditor"])))
        assert (answer.status, texts_in(answer.text)) == (200, ["x"])
        assert (await log_of(api))[-1] == Recorded(
            "codec:payload:decoded", ("main", "auditor-key", "auditor"), OURS, {"payloads": 1}
        )

    @pytest.mark.parametrize("origin", [None, "http://127.0.0.1:8101", "http://evil.example", "null"])
    async def test_decodes_from_no_other(self, api: ApiServer, origin: str | None) -> None:
        cookie = cookie_of(await sign_in(api, KEYS["auditor"]))
        assert (await decode_with(api, cookie, origin)).status == 401

    async def test_opens_nothing_but_the_codec(self, api: ApiServer) -> None:
        cookie = cookie_of(await sign_in(api, KEYS["auditor"]))
        answer = await api.call("GET", "/api/v1/payments", key=None, headers={"Cookie": cookie, "Origin": UI})
        assert answer.status == 401

    @pytest.mark.parametrize("cookie", ["medpay_codec=", "medpay_codec=x", "medpay_codec=azE6QUFBQQ=="])
    async def test_that_we_did_not_make_is_none(self, api: ApiServer, cookie: str) -> None:
        assert (await decode_with(api, cookie)).status == 401
        assert (await api.call("GET", LOGIN, key=None, headers={"Cookie": cookie})).status == 200

    async def test_ends_with_its_key(self, api: ApiServer, tmp_path: Path) -> None:
        cookie = cookie_of(await sign_in(api, KEYS["auditor"]))
        folder = shutil.copytree(api.settings.data_dir, tmp_path / "later")
        file = folder / "hospitals.toml"
        tables = re.split(r"(?m)^(?=\[)", file.read_text(encoding="utf-8"))
        file.write_text("".join(table for table in tables if "auditor-key" not in table), encoding="utf-8")
        async with serving_api(settings_for(folder, f"127.0.0.1:{free_port()}")) as later:
            assert (await decode_with(later, cookie)).status == 401
            page = await later.call("GET", LOGIN, key=None, headers={"Cookie": cookie})
            assert 'name="key"' in page.text
            assert "Max-Age=0" in page.headers["Set-Cookie"]

    async def test_is_taken_back_by_signing_out(self, api: ApiServer) -> None:
        answer = await api.call("POST", LOGOUT, key=None, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, LOGIN)
        assert "Max-Age=0" in answer.headers["Set-Cookie"]

    async def test_serves_nobody_once_its_person_has_signed_out(self, api: ApiServer) -> None:
        """Also whoever has copied it, and at another API process; it is recorded once."""
        cookie = cookie_of(await sign_in(api, KEYS["auditor"]))
        assert (await decode_with(api, cookie)).status == 200
        for _ in range(2):
            await api.call("POST", LOGOUT, key=None, headers={"Cookie": cookie}, allow_redirects=False)
        async with serving_api(api.settings) as other:
            for server in (api, other):
                assert (await decode_with(server, cookie)).status == 401
                page = await server.call("GET", LOGIN, key=None, headers={"Cookie": cookie})
                assert 'name="key"' in page.text
        closed = Recorded("codec:session:closed", ("main", "auditor-key", "auditor"), "", {})
        assert [record for record in await log_of(api) if record.event.startswith("codec:session:c")] == [closed]

    async def test_another_site_s_form_ends_no_session(self, api: ApiServer) -> None:
        cookie = cookie_of(await sign_in(api, KEYS["auditor"]))
        headers = {"Cookie": cookie, "Origin": "http://evil.example"}
        assert (await api.call("POST", LOGOUT, key=None, headers=headers)).outcome == (403, "FORBIDDEN")
        assert (await decode_with(api, cookie)).status == 200
