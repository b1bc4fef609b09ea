"""Signed as a receiver verifies it with the library, over a real socket; and what each answer is taken for."""

import socket
import time
from collections.abc import AsyncIterator

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from domain.errors import NotSent, Refused, Unknown
from gateways import webhook as gateway
from gateways.http import HttpCaller
from gateways.webhook import CallerWebhook
from tests.support.parties.raw_server import HANG_UP, raw_server
from tests.support.parties.receiver import Receiver, receiving

BODY = '{"type":"payment.settled","data":{"medOrgOrd":"M1","note":"医院"}}'
TELL = ("payment.settled", "notify-main-M1-7", BODY)


@pytest.fixture
async def http() -> AsyncIterator[HttpCaller]:
    async with HttpCaller() as caller:
        yield caller


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(Receiver()) as running:
        yield running


def webhook(http: HttpCaller, receiver: Receiver) -> CallerWebhook:
    return CallerWebhook(http, receiver.url, receiver.secret)


class TestSigned:
    async def test_what_the_receiver_verifies_is_what_was_said(self, http: HttpCaller, receiver: Receiver) -> None:
        await webhook(http, receiver).post(*TELL)
        assert receiver.told == [{"type": "payment.settled", "data": {"medOrgOrd": "M1", "note": "医院"}}]
        headers = receiver.headers[0]
        assert (headers["webhook-id"], headers["content-type"]) == ("notify-main-M1-7", "application/json")
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60

    async def test_the_signature_is_this_bodys_alone(self, http: HttpCaller, receiver: Receiver) -> None:
        await webhook(http, receiver).post(*TELL)
        with pytest.raises(WebhookVerificationError):
            Webhook(receiver.secret).verify(BODY.replace("settled", "expired"), receiver.headers[0])

    async def test_by_another_secret_it_is_not_believed(self, http: HttpCaller, receiver: Receiver) -> None:
        with pytest.raises(Unknown, match="HTTP 500"):
            await CallerWebhook(http, receiver.url, Receiver().secret).post(*TELL)
        assert receiver.told == []


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    async def test_every_2xx_is_done(self, http: HttpCaller, receiver: Receiver, status: int) -> None:
        receiver.statuses = [status]
        await webhook(http, receiver).post(*TELL)
        assert len(receiver.told) == 1

    async def test_gone_is_a_refusal(self, http: HttpCaller, receiver: Receiver) -> None:
        receiver.statuses = [410]
        with pytest.raises(Refused, match="410"):
            await webhook(http, receiver).post(*TELL)

    @pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 429, 500, 503])
    async def test_all_else_is_to_be_repeated_and_no_redirect_followed(
        self, http: HttpCaller, receiver: Receiver, status: int
    ) -> None:
        receiver.statuses = [status]
        with pytest.raises(Unknown, match=f"HTTP {status}") as caught:
            await webhook(http, receiver).post(*TELL)
        assert caught.value.answered == (status != 503)
        assert len(receiver.told) == 1

    async def test_nobody_there(self, http: HttpCaller) -> None:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unheard.getsockname()[1]}/"
            with pytest.raises(NotSent):
                await CallerWebhook(http, url, Receiver().secret).post(*TELL)

    async def test_a_connection_that_breaks(self, http: HttpCaller) -> None:
        async with raw_server(HANG_UP) as peer:
            with pytest.raises(Unknown) as caught:
                await CallerWebhook(http, peer.url, Receiver().secret).post(*TELL)
        assert not caught.value.answered
        assert len(peer.requests) == 1

    async def test_a_receiver_that_says_nothing(self, http: HttpCaller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateway, "TIMEOUT_S", 0.2)
        async with raw_server() as peer:
            with pytest.raises(Unknown) as caught:
                await CallerWebhook(http, peer.url, Receiver().secret).post(*TELL)
        assert not caught.value.answered
        assert len(peer.requests) == 1

    async def test_a_body_that_never_ends_is_not_waited_for(self, http: HttpCaller) -> None:
        endless = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\nx"
        async with raw_server(endless) as peer:
            await CallerWebhook(http, peer.url, Receiver().secret).post(*TELL)
        assert peer.requests[0].endswith(BODY.encode())
