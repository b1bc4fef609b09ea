"""What workflows tell those who call them: every refusal of an update is sealed, and names the update.

Whoever reaches Temporal can answer an update in a workflow's place, but cannot seal. So callers believe only what is
sealed, and only of the update that they sent.
"""

from typing import Any, NoReturn

from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    HandleUpdateInput,
    WorkflowInboundInterceptor,
)

from domain.errors import ErrorCode, ToldRefusal


class Telling(WorkflowInboundInterceptor):
    """Between every workflow and whoever calls it."""

    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002 - the SDK's name
        if len(input.args) != 1:
            raise ApplicationError("an update has one argument, sealed by us", non_retryable=True)
        try:
            super().handle_update_validator(input)
        except ApplicationError as error:
            _tell(error, input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002, ANN401 - the SDK's
        try:
            return await super().handle_update_handler(input)
        except ApplicationError as error:
            _tell(error, input)


def _tell(error: ApplicationError, update: HandleUpdateInput) -> NoReturn:
    """Raises the refusal again, with what its receiver may believe."""
    if error.type is None or error.type not in ErrorCode.__members__:
        raise error
    begun_by = str(error.details[0]) if error.details else None
    told = ToldRefusal(code=ErrorCode(error.type), message=error.message, update_id=update.id, begun_by=begun_by)
    raise ApplicationError(error.message, told, type=error.type, non_retryable=True) from None
