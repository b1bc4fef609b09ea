"""No body makes anything but fields or a refusal, whatever bytes it is made of and whatever it calls itself."""

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from api.payments.schemas import PreSettleCall
from api.web.body import Fields, read_fields
from domain.errors import ErrorCode, PaymentError
from domain.orders import Order

CONTENT_TYPES = (
    "application/json",
    "application/json; charset=utf-8",
    "application/problem+json",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=UTF-8",
    "application/json; charset*0=a; charset*=b",
    "application/json; charset*=utf-8''x; charset*9=y; charset=\"utf-8",
)
REFUSALS = {
    ErrorCode.MALFORMED_JSON,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.MISSING_FIELD,
    ErrorCode.INVALID_FIELD,
}
JSON_LIKE = st.text('{}[]":,\\ \n\t0123456789eE.+-truefalsnP_JSONTOTAL\u0000\ud83d\ude00').map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def request(chunks: list[bytes], content_type: bytes) -> Request:
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", content_type)]}, receive)


async def outcome(chunks: list[bytes], content_type: bytes) -> Order | Fields | ErrorCode:
    try:
        return PreSettleCall.read(await read_fields(request(chunks, content_type))).order("main")
    except PaymentError as error:
        return error.code


class TestAnyBody:
    @given(st.lists(st.binary() | JSON_LIKE, max_size=5), st.sampled_from(CONTENT_TYPES))
    async def test_is_refused(self, chunks: list[bytes], content_type: str) -> None:
        assert await outcome(chunks, content_type.encode()) in REFUSALS

    @given(JSON_LIKE)
    async def test_in_a_form_is_refused(self, text: bytes) -> None:
        assert await outcome([b"P_JSON=", text], b"application/x-www-form-urlencoded") in REFUSALS

    @given(st.binary(max_size=60).filter(lambda raw: b"\x00" not in raw))
    async def test_of_any_type_is_refused(self, content_type: bytes) -> None:
        assert await outcome([b"{}"], content_type) in REFUSALS
