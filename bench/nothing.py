"""The baseline: an HTTP call that only makes an update-with-start of a workflow that does nothing.

Run as a process: `python bench/nothing.py worker|api TEMPORAL_ADDRESS PORT KEYRING`.
"""

import asyncio
import sys
import uuid
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nothing_workflow import Nothing
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter

TASK_QUEUE = "nothing"


async def _connect(address: str, keyring: str) -> Client:
    return await Client.connect(address, data_converter=data_converter(Keyring.load(Path(keyring))))


async def _work(address: str, keyring: str) -> None:
    client = await _connect(address, keyring)
    async with Worker(client, task_queue=TASK_QUEUE, workflows=[Nothing]):
        await asyncio.Event().wait()


def _app(client: Client) -> FastAPI:
    app = FastAPI()

    @app.post("/nothing")
    async def nothing(order: dict[str, str]) -> dict[str, str]:
        """One round trip: start the workflow and have its update answered."""
        start = WithStartWorkflowOperation(
            Nothing.run,
            str(order),
            id=uuid.uuid4().hex,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        answer = await client.execute_update_with_start_workflow(
            Nothing.answer, str(order), start_workflow_operation=start
        )
        return {"answer": answer}

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        """Ready once it answers."""
        return {}

    return app


async def _serve(address: str, port: int, keyring: str) -> None:
    app = _app(await _connect(address, keyring))
    await uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", access_log=False)).serve()


if __name__ == "__main__":
    role, temporal, number, keys = sys.argv[1:]
    asyncio.run(_work(temporal, keys) if role == "worker" else _serve(temporal, int(number), keys))
