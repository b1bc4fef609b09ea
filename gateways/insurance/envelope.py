"""The centre's sealed envelope (protocol 3.1), for both sides: we seal requests and open answers, a centre the reverse.

The data is encrypted with SM4, under a key derived from appId and appSecret, and signed with SM2.
"""

import base64
import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.values.china_time import to_china_compact
from domain.values.decimals import exact
from domain.values.texts import clean
from domain.values.written import from_base64, not_utf8
from gateways.exact_json import parse_object, parse_spelt
from gateways.insurance.canonical import Numbers, cleaned, compact, text_to_sign
from gateways.insurance.profile import CentreForm, CentreProfile, HospitalAccount
from security.crypto.sm import GmsslSigner, GmsslVerifier, Signer, Verifier, sm4_ecb_decrypt, sm4_ecb_encrypt

_KEY_CHARS = 16
_DOUBLE = re.compile(r"(-?[0-9]+)\.0+", re.ASCII)
"""A code as Gson writes what it has read as a double."""

CODE_FIELDS = ("code", "respCode", "responseCode")
MESSAGE_FIELDS = ("message", "msg", "errorMsg", "respMessage")


class EnvelopeError(Exception):
    """An envelope that can't be opened or verified. The message says why, without any of the content."""


@dataclass(frozen=True)
class OpenedAnswer:
    """`code`: as text, "0" for accepted. `signed`: False only for an error answer in clear, whose `data` is empty."""

    code: str
    message: str
    data: dict[str, Any]
    signed: bool


def sm4_key(app_id: str, app_secret: str) -> bytes:
    """The SM4 key: appSecret encrypted under the first 16 characters of appId, in upper-case hex, its first 16.

    Raises ValueError for an appId that is shorter or not ASCII.
    """
    short = app_id[:_KEY_CHARS]
    if len(short) < _KEY_CHARS or not short.isascii():
        raise ValueError(f"app_id must have at least {_KEY_CHARS} ASCII characters")
    return sm4_ecb_encrypt(short.encode(), app_secret.encode()).hex().upper()[:_KEY_CHARS].encode()


def utc_now() -> datetime:
    return datetime.now(UTC)


class Envelope:
    """One side of a hospital's connection to its centre. `signer`: this side's. `verifier`: the other side's."""

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        form: CentreForm,
        signer: Signer,
        verifier: Verifier,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._form = form
        self._signer = signer
        self._verifier = verifier
        self._clock = clock
        self._key = sm4_key(app_id, app_secret)

    async def seal_request(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The body to post. Empty values in `data` are left out. Raises ValueError for a float."""
        return await self._seal({}, data)

    async def seal_answer(
        self, data: Mapping[str, Any], code: int = 0, message: str = "", *, success: bool = True
    ) -> dict[str, Any]:
        """A centre's answer. `code`: 0 for accepted."""
        return await self._seal({"code": code, "message": message, "success": success}, data)

    async def open_request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The data of a request, verified. Numbers come as text. Raises EnvelopeError."""
        return await self._open(body)

    async def open_answer(self, body: Mapping[str, Any]) -> OpenedAnswer:
        """The answer, verified; only an error answer may come without a signature. Raises EnvelopeError."""
        code = protocol_code(body)
        if code is None:
            raise EnvelopeError("the answer has no code")
        message = protocol_message(body)
        if body.get("signData"):
            return OpenedAnswer(code, message, await self._open(body), signed=True)
        if is_accepted(code):
            raise EnvelopeError("an accepting answer without a signature")
        return OpenedAnswer(code, message, {}, signed=False)

    async def _seal(self, head: dict[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        fields = {
            **head,
            "appId": self._app_id,
            "encType": "SM4",
            "signType": "SM2",
            "version": self._form.version,
            "timestamp": self._timestamp(),
        }
        text = text_to_sign({**fields, "data": data}, self._app_secret, self._form.numbers)
        signature = await self._signer.sign(text.encode())
        return {**fields, "encData": self._encrypted(data), "signData": base64.b64encode(signature).decode()}

    async def _open(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if body.get("appId", self._app_id) != self._app_id:
            raise EnvelopeError("another appId")
        try:
            plain = self._decrypted(body.get("encData"))
            data = parse_object(plain) if plain else {}
        except UnicodeDecodeError as error:
            raise EnvelopeError(f"encData {not_utf8(error.object)}") from error
        except (ValueError, RecursionError) as error:
            raise EnvelopeError("encData can't be read") from error
        signature = _signature(body.get("signData"))
        tried = set[bytes]()
        for said in _spellings(plain, data, self._form.numbers):
            text = self._signed_text(body, said)
            if text is None or text in tried:
                continue
            if await self._verifier.verify(text, signature):
                return data
            tried.add(text)
        raise EnvelopeError("the signature does not verify")

    def _signed_text(self, body: Mapping[str, Any], data: object) -> bytes | None:
        """None for what has no text that could have been signed."""
        try:
            return text_to_sign({**body, "data": data}, self._app_secret, self._form.numbers).encode()
        except (ValueError, RecursionError):
            return None

    def _encrypted(self, data: Mapping[str, Any]) -> str:
        text = compact(cleaned(data), self._form.numbers)
        sealed = sm4_ecb_encrypt(self._key, text.encode()).hex()
        return sealed.upper() if self._form.enc_hex == "upper" else sealed

    def _decrypted(self, enc_data: object) -> str:
        """The JSON in it; empty if there is no encData, which 6401's answer may lack. Raises ValueError."""
        if enc_data is None or enc_data == "":
            return ""
        if not isinstance(enc_data, str):
            raise ValueError("encData is not a string")
        return sm4_ecb_decrypt(self._key, bytes.fromhex(enc_data)).decode()

    def _timestamp(self) -> str | int:
        now = self._clock()
        match self._form.timestamp:
            case "datetime":
                return to_china_compact(now)
            case "epoch_ms":
                return str(round(now.timestamp() * 1000))
            case "epoch_s":
                return int(now.timestamp())


def _spellings(plain: str, data: Mapping[str, Any], numbers: Numbers) -> Iterator[object]:
    """What may have been signed as `data`, the likeliest first: all say what was decrypted, spelt in different ways.

    Our own form. The same with each string as the other side's library has escaped it: Jackson, Gson and fastjson agree
    neither with each other nor with us on control characters, U+2028, `<`, `=` and `/`. The decrypted text as it came.
    """
    yield data
    if not plain:
        return
    with contextlib.suppress(ValueError, RecursionError):
        yield compact(cleaned(parse_spelt(plain)), numbers)
    yield plain


def hospital_envelope(profile: CentreProfile, account: HospitalAccount, signer: Signer | None) -> Envelope:
    """The hospital's side. `signer`: by default the account's own private key.

    Raises ValueError for keys or an appId that can't be used.
    """
    return Envelope(
        app_id=account.app_id,
        app_secret=account.app_secret,
        form=profile,
        signer=signer or GmsslSigner(account.private_key, profile.sm2_user_id),
        verifier=GmsslVerifier(profile.platform_public_key, profile.sm2_user_id),
    )


def signature_digest(body: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of an opened request's signature, which identifies the message however its JSON is written.

    Only the signer can make a second signature of a message: SM2 signatures are not malleable, and r and s verify in
    one form only. Raises EnvelopeError.
    """
    return hashlib.sha256(_signature(body.get("signData"))).hexdigest()


def _signature(sign_data: object) -> bytes:
    try:
        return from_base64(str(sign_data))
    except ValueError as problem:
        raise EnvelopeError(f"signData {problem}") from None


def protocol_code(fields: Mapping[str, Any]) -> str | None:
    """The answer's code as text, whether it comes as a number or a string, 9001.0 as 9001. None if there is none."""
    for name in CODE_FIELDS:
        code = fields.get(name)
        if isinstance(code, str | int) and not isinstance(code, bool) and (text := clean(str(code))):
            as_double = _DOUBLE.fullmatch(text)
            return as_double[1] if as_double else text
    return None


def protocol_message(fields: Mapping[str, Any]) -> str:
    """The first message that is not blank, as the centre wrote it: not yet fit to be shown."""
    texts = (fields.get(name) for name in MESSAGE_FIELDS)
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def is_accepted(code: str) -> bool:
    """Whether the code is 0, also written as 0000 or, as Gson has it, 0.0."""
    try:
        return exact(code) == 0
    except ValueError:
        return False


def contradicts(fields: Mapping[str, Any]) -> bool:
    """Whether an answer with code 0 also says success=false."""
    return str(fields.get("success", "true")).strip().lower() == "false"
