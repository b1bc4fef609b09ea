"""Activities' deadlines on Temporal's test server, which takes one at a whole second for none and retries for ever.

Its clock counts milliseconds, so without this one retried activity in a thousand never ends. The real server has no
such exception.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

CLOCK = timedelta(milliseconds=1)
BESIDE = timedelta(microseconds=1)


class DeadlinesBesideTheSecond(ClientInterceptor, Interceptor):
    """Of a client: its workers take it from there."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - the SDK's signature
    ) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:  # noqa: A002 - the SDK's name
        if (budget := input.schedule_to_close_timeout) is not None:
            input = replace(input, schedule_to_close_timeout=budget // CLOCK * CLOCK + BESIDE)  # noqa: A001 - as above
        return super().start_activity(input)
