"""A workflow that does nothing, in a file of its own: the sandbox imports it again."""

from temporalio import workflow


@workflow.defn(name="Nothing")
class Nothing:
    """Answers its update, then ends."""

    def __init__(self) -> None:
        self._answered = False

    @workflow.run
    async def run(self, order: str) -> str:
        """Wait for the one update."""
        await workflow.wait_condition(lambda: self._answered)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return order

    @workflow.update
    async def answer(self, order: str) -> str:
        """The order again."""
        self._answered = True
        return order
