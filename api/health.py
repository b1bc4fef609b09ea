"""Liveness, readiness and metrics, without a key: load balancers and Prometheus call them.

They disclose no person, payment or address. /metrics needs a key where MEDPAY_METRICS_ACCESS says so.
"""

import asyncio

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from activities.in_flight import InFlight
from api.access.gate import demand
from api.access.rights import Right
from api.services import services_of
from api.web import documentation as doc
from api.web.envelope import success
from api.web.errors import answer
from api.web.trace import CONTENT_TYPE, trace_of
from domain.errors import ErrorCode, PaymentError
from storage.session import Database

router = APIRouter(tags=["运行状况"])

PROBE_S_MAX = 3.0
_PROBING = InFlight[bool]()
"""Anyone may ask: concurrent calls share one probe."""


@router.get("/health/live", summary="进程存活", responses={200: {"description": "存活"}})
async def live() -> Response:
    return success({"status": "live"})


@router.get(
    "/health/ready",
    summary="可以处理支付",
    description="数据库(可读写)和Temporal都可用时为200, 否则503并说明是哪一个不可用。",
    responses={503: doc.failure_answer(ErrorCode.UNAVAILABLE)},
)
async def ready(request: Request) -> Response:
    services = services_of(request)
    database, temporal = await asyncio.gather(
        _PROBING.join(services.database, lambda: _database_serves(services.database)), services.link.is_reachable()
    )
    away = [name for name, there in (("数据库(database)", database), ("Temporal", temporal)) if not there]
    if away:
        trace_of(request.scope).error_code = ErrorCode.UNAVAILABLE.value
        message = f"{'、'.join(away)}不可用"
        return answer(PaymentError(ErrorCode.UNAVAILABLE, message))
    return success({"status": "ready", "database": "ok", "temporal": "ok"})


@router.get("/metrics", summary="Prometheus指标", response_class=Response)
async def metrics(request: Request) -> Response:
    if services_of(request).settings.metrics_access == "key":
        await demand(request, Right.MEASURE)
    services = services_of(request)
    return Response(services.metrics.text(await _refused(services.database)), media_type=CONTENT_TYPE)


async def _refused(database: Database) -> int | None:
    """How many payloads of Temporal's were refused; None while the database does not say."""
    try:
        async with asyncio.timeout(PROBE_S_MAX), database.read() as unit:
            return await unit.refused_payloads.total()
    except (SQLAlchemyError, OSError, TimeoutError):
        return None


async def _database_serves(database: Database) -> bool:
    """Whether it can be read and written. A database that is only read answers no payment."""
    try:
        async with asyncio.timeout(PROBE_S_MAX):
            await database.check_tables()
            await database.check_writable()
    except (SQLAlchemyError, OSError, TimeoutError):
        return False
    return True
