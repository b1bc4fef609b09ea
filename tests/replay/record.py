"""Records golden histories: real payments on the embedded stack, sealed with the test key.

Run by hand when a new path through the state machine is to be kept: `python -m tests.replay.record`. A history that is
there already is not recorded again: from the first release on it stands for payments that were begun by the code of its
day. Until then, delete it where the story has changed.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from temporalio.client import Client

from cli.commands.demo import demo_settings
from cli.demo.client import DemoClient, new_session
from cli.demo.findings import Findings
from cli.demo.stories import SCENARIOS, SHORT
from cli.stack.embedded import EmbeddedStack, embedded_stack
from domain.base import PaymentKey
from domain.ids import payment_workflow_id, refund_workflow_id
from tests.replay.stories import STORIES, refund_by_two

GOLDEN = Path(__file__).parent / "golden"
KEYRING = GOLDEN / "keyring.json"


async def main() -> None:
    """Take every demo payment and every story once, and keep the histories that are new."""
    folder = Path(tempfile.mkdtemp(prefix="medpay-golden-"))
    shutil.copy(KEYRING, folder / "keyring.json")
    (folder / "keyring.json").chmod(0o600)
    settings = demo_settings(folder).model_copy(update=SHORT)
    async with embedded_stack(settings, print, on_any_port=True) as stack, new_session() as session:
        client = DemoClient(stack, session)
        for scenario in SCENARIOS:
            await scenario.story(client, Findings(scenario.med_org_ord, scenario.expected))
            await client.repair()
            await _keep(stack, scenario.med_org_ord.removeprefix("demo-"), _payment(stack, scenario.med_org_ord))
        for name, story in STORIES.items():
            await story(client, f"golden-{name}")
            await client.repair()
            await _keep(stack, name, _payment(stack, f"golden-{name}"))
        refunded = PaymentKey(hospital=stack.settings.hospital, med_org_ord="demo-refunded")
        await _keep(stack, "refund", refund_workflow_id(refunded, "R1"))
        by_two = PaymentKey(hospital=stack.settings.hospital, med_org_ord="golden-by-two")
        await refund_by_two(client, by_two.med_org_ord)
        await _keep(stack, "refund-by-two", refund_workflow_id(by_two, "R1"))
    shutil.rmtree(folder)


def _payment(stack: EmbeddedStack, med_org_ord: str) -> str:
    return payment_workflow_id(stack.settings.hospital, med_org_ord)


async def _keep(stack: EmbeddedStack, name: str, workflow_id: str) -> None:
    file = GOLDEN / f"{name}.json"
    if file.exists():
        return
    client = await Client.connect(stack.settings.temporal_address)
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    file.write_text(history.to_json() + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
