"""The API's connection to Temporal, made when first needed: without Temporal the API starts and answers 503."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RetryConfig, RPCError

from api.web.in_flight import InFlight
from domain.errors import ErrorCode, PaymentError
from security.tls import temporal_tls
from settings import Settings

CONNECT_S_MAX = 3.0
"""The SDK would give a silent server 30 s, longer than a caller waits."""
HEALTH_S_MAX = 2.0
_RETRIES = RetryConfig(max_elapsed_time_millis=2_000)
"""The SDK retries an unreachable server for 10 s by default; callers should get their 503 sooner."""


def unavailable() -> PaymentError:
    """The answer while Temporal can't be reached."""
    return PaymentError(ErrorCode.UNAVAILABLE, "支付服务暂不可用, 请稍后用同一订单号重试")


class TemporalLink:
    """One client per process."""

    def __init__(self, settings: Settings, data_converter: DataConverter) -> None:
        self._settings = settings
        self._data_converter = data_converter
        self._client: Client | None = None
        self._connecting = InFlight[Client]()

    async def client(self) -> Client:
        """Raises `PaymentError` UNAVAILABLE."""
        if self._client is None:
            self._client = await self._connecting.join("client", self._connect)
        return self._client

    async def is_reachable(self) -> bool:
        """Whether the server answers right now."""
        with suppress(PaymentError, RPCError, RuntimeError):
            client = await self.client()
            return await client.service_client.check_health(timeout=timedelta(seconds=HEALTH_S_MAX))
        return False

    async def _connect(self) -> Client:
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                return await Client.connect(
                    self._settings.temporal_address,
                    namespace=self._settings.temporal_namespace,
                    data_converter=self._data_converter,
                    retry_config=_RETRIES,
                    tls=temporal_tls(self._settings.temporal_tls_files),
                )
        except (RuntimeError, RPCError, TimeoutError):
            # The SDK raises RuntimeError where nothing answers.
            raise unavailable() from None
