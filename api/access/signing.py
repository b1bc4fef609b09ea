"""Signed calls: the signature must verify, be fresh, and be used only once."""

import hmac
import re
from datetime import UTC, datetime

from fastapi import Request

from api.access.keys import Caller
from api.access.refusals import Reason
from api.web.body import read_bytes
from domain.errors import ErrorCode
from security.keys.signing import FRESH_FOR, NONCE, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from storage.session import Database

REMEMBERED_FOR = 2 * FRESH_FOR
"""How long a nonce is kept, from the call's timestamp. Longer than `FRESH_FOR`: bodies arrive late, clocks differ."""

_TIMESTAMP = re.compile(r"[0-9]{1,11}", re.ASCII)
_HEADERS = f"{TIMESTAMP_HEADER}, {NONCE_HEADER}, {SIGNATURE_HEADER}"


async def check_signature(request: Request, caller: Caller, secret: str, database: Database, now: datetime) -> None:
    """Raises `AccessRefused` UNAUTHORIZED, or `PaymentError` TOO_LARGE for a body over the limit.

    Nonces are kept in the database, so that every API process knows them.
    """
    given = [request.headers.get(name, "") for name in (TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)]
    timestamp, nonce, signed = given
    if not _TIMESTAMP.fullmatch(timestamp) or not NONCE.fullmatch(nonce) or not signed:
        message = f"该访问密钥的请求必须签名, 缺少请求头或格式不正确({_HEADERS})"
        raise caller.refused(Reason.UNSIGNED, ErrorCode.UNAUTHORIZED, message)
    wanted = signature(
        secret, request.method, _target(request), await read_bytes(request), timestamp=timestamp, nonce=nonce
    )
    if not hmac.compare_digest(wanted.encode(), signed.lower().encode("latin-1", "replace")):
        message = f"请求签名不正确({SIGNATURE_HEADER})"
        raise caller.refused(Reason.BAD_SIGNATURE, ErrorCode.UNAUTHORIZED, message)
    sent_at = datetime.fromtimestamp(int(timestamp), UTC)
    if abs(now - sent_at) > FRESH_FOR:
        message = f"请求时间戳({TIMESTAMP_HEADER})与当前时间相差超过{FRESH_FOR.seconds // 60}分钟"
        raise caller.refused(Reason.STALE_SIGNATURE, ErrorCode.UNAUTHORIZED, message)
    async with database.begin() as unit:
        is_new = await unit.nonces.use(caller.hospital.id, caller.key_name, nonce, sent_at + REMEMBERED_FOR)
    if not is_new:
        message = f"请求已处理过, 每次调用须用新的随机数({NONCE_HEADER})重新签名"
        raise caller.refused(Reason.REPLAYED, ErrorCode.UNAUTHORIZED, message)


def _target(request: Request) -> str:
    """Path and query, exactly as the caller sent them."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")
