"""Posts notifications to a caller's webhook (Standard Webhooks). Only the answer's status counts."""

from datetime import UTC, datetime

from standardwebhooks import Webhook

from domain.errors import Refused, Unknown
from gateways.http import SUCCESSFUL, HttpCaller, is_over

TIMEOUT_S = 10.0
_GONE = 410


class CallerWebhook:
    """The webhook of one hospital's caller."""

    def __init__(self, http: HttpCaller, url: str, secret: str) -> None:
        self._http = http
        self._url = url
        self._signer = Webhook(secret)

    async def post(self, event: str, webhook_id: str, body: str) -> None:
        """Post a notification. Raises `Refused` for a 410, `NotSent`, or `Unknown` for anything else but a 2xx."""
        sent_at = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": self._signer.sign(webhook_id, sent_at, body),
        }
        status = await self._http.post_for_status(event, self._url, body.encode(), headers, TIMEOUT_S)
        if status == _GONE:
            raise Refused(event, "接收方不再接收通知(HTTP 410)")
        if status not in SUCCESSFUL:
            raise Unknown(event, f"接收方未确认收到(HTTP {status})", answered=is_over(status))
