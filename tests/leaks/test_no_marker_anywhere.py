"""Payments of every fate by a marked person; then every byte that we left anywhere is searched for the marks."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from simulator.his import catalogue
from tests.leaks import marked, traces
from tests.leaks.needles import leaks
from tests.leaks.story import Story
from tests.support.parties.his_simulator import his_simulator
from tests.support.stack.postgres import postgres_server
from tests.support.stack.running import Stack, running_stack

LOGS = {"api.log", "worker.log", "temporal.log", "temporal-ui.log", "simulator-insurance.log", "simulator-his.log"}


@dataclass(frozen=True)
class Left:
    """`url`: of the records, where they are on PostgreSQL."""

    stack: Stack
    story: Story
    url: str

    @property
    def folder(self) -> Path:
        return self.stack.embedded.settings.data_dir

    def markers(self) -> set[str]:
        names = {marked.NAME, marked.NAME_IN_HIS, marked.NAME_SPOKEN, marked.OTHERS_NAME}
        fixed = names | {marked.ID_NO, *marked.ID_NO_WRITTEN, marked.PSN_NO, marked.PLACE, marked.WRONG_ID_NO}
        return fixed | {marked.AUTH} | marked.known_to_the_centre(self.folder) | marked.keys_of_the_house(self.folder)


@contextmanager
def records_on(dialect: str) -> Iterator[dict[str, Any]]:
    """The setting that puts the records there."""
    if dialect == "sqlite":
        yield {}
        return
    with postgres_server() as address:
        yield {"database_url": f"postgresql+asyncpg://postgres@{address}/postgres"}


@pytest_asyncio.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], loop_scope="session"
)
async def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Left]:
    folder = tmp_path_factory.mktemp("leaks")
    with pytest.MonkeyPatch.context() as patch, records_on(request.param) as records:
        people, visits = dict(catalogue.PEOPLE), dict(catalogue.VISITS)
        marked.admit(people, visits)
        for name, value in people.items():
            patch.setitem(catalogue.PEOPLE, name, value)
        for name, patient in visits.items():
            patch.setitem(catalogue.VISITS, name, patient)
        async with his_simulator(folder / "their-his.db") as his:
            terms: dict[str, Any] = {"payment_window_s": 20, "log_level": "debug", "his_url": his.url}
            async with running_stack(folder / "ours", **terms, **records) as stack:
                story = Story(stack, his, uuid.uuid4().hex[:12])
                await story.tell()
                yield Left(stack, story, str(records.get("database_url", "")))


class TestNoMarker:
    async def test_is_in_the_files_of_the_databases_or_in_any_log(self, left: Left) -> None:
        files = traces.files(left.folder)
        assert {"temporal.db", "temporal.db-wal"} | LOGS <= files.keys()
        assert ("medpay.db" in files) is (left.url == "")
        assert b"debug" in files["api.log"] + files["worker.log"]
        assert leaks(left.markers(), files) == set()

    async def test_is_in_any_cell(self, left: Left) -> None:
        cells = traces.cells(left.folder)
        assert "temporal.db:history_node" in cells
        assert leaks(left.markers(), cells) == set()

    async def test_is_in_the_files_of_postgresql(self, left: Left) -> None:
        if not left.url:
            pytest.skip("the records are on SQLite")
        files = await traces.postgres_files(left.url)
        number = left.story.numbers["settled"].encode()
        assert {path.split("/")[0] for path, content in files.items() if number in content} == {"base", "pg_wal"}
        assert leaks(left.markers(), files) == set()

    async def test_is_told_by_temporal(self, left: Left) -> None:
        told = {name: content async for name, content in traces.workflows(left.stack.embedded.settings)}
        number = left.story.numbers["settled"].encode()
        assert any(number in content for name, content in told.items() if name.endswith("listed"))
        assert leaks(left.markers(), told) == set()

    async def test_is_in_an_export(self, left: Left, tmp_path: Path) -> None:
        settings, numbers = left.stack.embedded.settings, left.story.numbers
        refund = ("--refund", f"{left.story.run}R1")
        exports = {
            "payment": await traces.exported(settings, tmp_path, numbers["reviewed"]),
            "refund": await traces.exported(settings, tmp_path, numbers["refunded"], *refund),
        }
        assert all(b"WORKFLOW_EXECUTION_STARTED" in content for content in exports.values())
        assert leaks(left.markers(), exports) == set()

    async def test_is_on_a_page_or_in_the_metrics(self, left: Left) -> None:
        views = await left.story.views()
        assert left.story.numbers["settled"].encode() in views["/api/v1/payments"]
        assert leaks(left.markers(), views) == set()


class TestTheProofItself:
    async def test_it_knows_tokens_of_every_kind(self, left: Left) -> None:
        markers = left.markers()
        assert {marked.NAME, marked.ID_NO} <= marked.known_to_the_centre(left.folder)
        assert marked.AUTH in marked.known_to_the_centre(left.folder)
        assert len(markers) > 20

    async def test_what_is_clear_is_found_by_the_same_search(self, left: Left) -> None:
        number = left.story.numbers["settled"]
        found = {place for place, _ in leaks([number], traces.files(left.folder))}
        assert {"temporal.db", "api.log"} <= found | {name.removesuffix("-wal") for name in found}

    async def test_a_mark_would_be_found_where_the_other_side_keeps_it(self, left: Left) -> None:
        theirs = {path.name: path.read_bytes() for path in left.folder.glob("simulator-insurance.db*")}
        sought = {marked.NAME, marked.ID_NO, marked.AUTH}
        assert {marker for _, marker in leaks(sought, theirs)} == sought
