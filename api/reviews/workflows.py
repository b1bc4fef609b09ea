"""The updates that the API sends to whatever has a case, a payment or a refund: they have the same names."""

import uuid
from datetime import timedelta
from typing import Any

from api.payments.workflows import told
from api.temporal import TemporalLink
from domain.reviews import Approval, Decision, Proposal, ReviewView
from settings import Settings


class ReviewWorkflows:
    """Every method raises `PaymentError` by the workflow's word, PROCESSING, UNAVAILABLE; or `WorkflowClosedError`."""

    def __init__(self, link: TemporalLink, settings: Settings) -> None:
        self._link = link
        self._wait = timedelta(seconds=settings.sync_wait_s)

    async def inspect(self, workflow_id: str) -> ReviewView:
        """What each side says now."""
        view: ReviewView = await self._update(workflow_id, "inspect", [], ReviewView)
        return view

    async def propose(self, workflow_id: str, proposal: Proposal) -> Decision:
        """Ask again, or put an action before a second person."""
        decision: Decision = await self._update(workflow_id, "propose", [proposal], Decision)
        return decision

    async def approve(self, workflow_id: str, approval: Approval) -> Decision:
        """Carry out what another person proposed."""
        decision: Decision = await self._update(workflow_id, "approve", [approval], Decision)
        return decision

    async def _update(self, workflow_id: str, name: str, arguments: list[Any], result: type) -> Any:  # noqa: ANN401 - `result`
        client = await self._link.client()
        call = client.get_workflow_handle(workflow_id).execute_update(
            name, args=arguments, id=f"{name}-{uuid.uuid4()}", rpc_timeout=self._wait, result_type=result
        )
        return await told(call, self._wait)
