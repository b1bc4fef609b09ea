"""What reads an insurance centre's words: fed with anything, it says what it is declared to say, and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from api.notices.door import NoticeDoor
from domain.errors import ErrorCode, PaymentError
from gateways.exact_json import parse_object
from gateways.insurance import answers
from gateways.insurance.envelope import Envelope, EnvelopeError, contradicts
from gateways.insurance.notice import settlement_notice
from hospitals import Hospital
from security.crypto.sm import GmsslSigner, Verifier
from tests.support.values import centres

NOW: Final = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
DECLARED_OF_DOOR: Final = {ErrorCode.MISSING_FIELD, ErrorCode.INVALID_FIELD, ErrorCode.UNAUTHORIZED}
READERS: Final[tuple[Callable[[answers.Data], object], ...]] = (
    lambda data: answers.uploaded_fees(data, "M1", "MD1"),
    lambda data: answers.placed_order(data, "ORD1"),
    lambda data: answers.order_status(data, "ORD1"),
    lambda data: answers.revocation(data, "ORD1"),
    lambda data: answers.refund_answer(data, "ORD1", "M1-REV"),
    settlement_notice,
)


class Believing:
    """Lets everything pass: what lies behind the signature is read as well. A centre may err, or be taken over."""

    async def verify(self, message: bytes, signature: bytes) -> bool:
        return bool(message) and len(signature) >= 0


class EnvelopeTarget:
    """`verifier`: who judges signatures; None for the real one."""

    def __init__(self, verifier: Verifier | None) -> None:
        form = centres.profile()
        self._envelope = centres.hospital_side(form)
        hospital = Hospital(**centres.ACCOUNT.model_dump(), id="main", centre=form, his_url="http://127.0.0.1:9")
        self._door = NoticeDoor([hospital])
        if verifier is not None:
            self._envelope = Envelope(
                app_id=centres.ACCOUNT.app_id,
                app_secret=centres.ACCOUNT.app_secret,
                form=form,
                signer=GmsslSigner(centres.ACCOUNT.private_key, form.sm2_user_id),
                verifier=verifier,
            )
            for accounts in self._door._accounts.values():
                for account in accounts.values():
                    account.reader._envelope = self._envelope

    async def feed(self, body: dict[str, Any]) -> str:
        """Both readers of envelopes, and every reader of what was in it. How far it came. Raises what is undeclared."""
        came = await self._answer(body)
        try:
            await self._door.open(body, NOW)
        except PaymentError as error:
            if error.code not in DECLARED_OF_DOOR:
                raise
            return f"{came}, notice {error.code}"
        return f"{came}, notice accepted"

    async def _answer(self, body: dict[str, Any]) -> str:
        contradicts(body)
        try:
            opened = await self._envelope.open_answer(body)
        except EnvelopeError:
            return "answer not believed"
        contradicts(opened.data)
        understood = [self._is_read(reader, opened.data) for reader in READERS]
        return "answer read" if any(understood) else "answer opened"

    def _is_read(self, reader: Callable[[answers.Data], object], data: dict[str, Any]) -> bool:
        try:
            reader(data)
        except answers.IllFormed:
            return False
        return True


def parse(text: bytes) -> dict[str, Any] | None:
    """The edge's first step. None where it is refused as declared."""
    try:
        return parse_object(text)
    except (ValueError, RecursionError):
        return None
