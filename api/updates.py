"""Updates that later calls join: one in flight for each request, however many API processes there are.

A workflow takes only ten updates at a time, and a caller who got a 202 repeats the call. So equal requests share an
update id, which ends in a number from the database; whoever receives an answer that is not for good moves the number on
before passing it to the caller. An answer names the call that began its update: if that is another one, the answer may
be from long before this call, and the workflow is asked again.
"""

import json
import time
import uuid
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from api.temporal import ForgedAnswerError, TemporalLink, WorkflowRefusal, Workflows, still_open
from domain.base import Joined
from security.crypto.keyring import Keyring
from settings import Settings
from storage.session import Database

R = TypeVar("R")

ASKED_MAX: Final = 5
"""How often one call asks. It asks again only where its answer was begun by another call."""


@dataclass(frozen=True)
class Question:
    """A request to a workflow. `update`: its name there. `name`: equal for equal requests, the start of the id."""

    workflow_id: str
    update: str
    name: str
    request: Joined


class JoinedUpdates(Workflows):
    """Methods raise as those of `Workflows`."""

    def __init__(self, link: TemporalLink, settings: Settings, database: Database, keyring: Keyring) -> None:
        super().__init__(link, settings)
        self._database = database
        self._keyring = keyring

    def question(self, workflow_id: str, update: str, request: Joined) -> Question:
        """What asks `request` of the workflow. The digest is keyed: update ids are clear text in Temporal."""
        fields = request.model_dump(mode="json", exclude=set(request.of_this_call))
        digest = self._keyring.digest(json.dumps(fields, sort_keys=True, separators=(",", ":")))
        return Question(workflow_id, update, f"{update}-{digest}", request)

    async def ask(self, question: Question, result: type[R], number: int | None = None) -> R:
        """The workflow's answer. One that names the call it was given to holds for now; any other success for good.

        `number`: the question's, where the caller has read it already.
        """
        until = time.monotonic() + self._wait.total_seconds()
        for _ in range(ASKED_MAX):
            number, call = await self._number(question) if number is None else number, uuid.uuid4().hex
            try:
                answer = await self._send(question, call, number, result, until)
            except WorkflowRefusal as refusal:
                if refusal.begun_by is None:
                    raise
                await self._answered(question, number)
                if refusal.begun_by == call:
                    raise
            except ForgedAnswerError:
                # Temporal repeats it for this id for ever: the next one asks the workflow itself.
                await self._answered(question, number)
            else:
                if not isinstance(answer, Joined):
                    return answer
                await self._answered(question, number)
                if answer.call == call:
                    return answer
            number = None
        raise still_open()

    async def _send(self, question: Question, call: str, number: int, result: type[R], until: float) -> R:
        left = timedelta(seconds=max(0.0, until - time.monotonic()))
        handle = (await self._link.client()).get_workflow_handle(question.workflow_id)
        update_id = f"{question.name}-{number}"
        sent: Awaitable[R] = handle.execute_update(
            question.update,
            question.request.model_copy(update={"call": call}),
            id=update_id,
            rpc_timeout=left,
            result_type=result,
        )
        return await self.answered(question.workflow_id, update_id, sent, left)

    async def _number(self, question: Question) -> int:
        async with self._database.read() as unit:
            return await unit.update_numbers.current(question.workflow_id, question.name)

    async def _answered(self, question: Question, number: int) -> None:
        async with self._database.begin() as unit:
            await unit.update_numbers.answered(question.workflow_id, question.name, number, datetime.now(UTC))
