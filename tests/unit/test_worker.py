"""What the composition root of the worker promises of its slots and gates."""

import resource
from pathlib import Path
from typing import Any

import pytest

import worker
from activities.call_log import CallLog
from gateways.gate import Party
from gateways.his.port import HisRepeats
from gateways.http import HttpCaller
from hospitals import Hospital
from security.crypto.keyring import Keyring
from security.keys.provider import LocalKeys
from settings import Settings
from storage.session import Database
from tests.support.values import centres

CALLS_MAX: int = Settings.model_fields["calls_at_once_max"].default
KINDS = ("workflow_tasks", "local_activities", "activities", "nexus_tasks")


class TestSlots:
    async def test_every_kind_is_sized_for_both_workers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[dict[str, Any]] = []
        monkeypatch.setattr(worker, "Worker", lambda *_, **options: made.append(options))
        client: Any = None
        async with Database(f"sqlite:///{tmp_path / 'records.db'}", Keyring.generate()) as database:
            worker.make_worker(client, Settings(), CallLog(database), ({}, {}))
            worker.make_notifier(client, "queue", CallLog(database), {})
        payments, notifications = ({kind: each[f"max_concurrent_{kind}"] for kind in KINDS} for each in made)
        assert payments == {"workflow_tasks": 120, "local_activities": 100, "activities": 700, "nexus_tasks": 1}
        assert notifications == {"workflow_tasks": 50, "local_activities": 50, "activities": 50, "nexus_tasks": 1}

    def test_a_workflow_task_is_free_while_every_local_activity_holds_one(self) -> None:
        assert worker.WORKFLOW_TASKS_AT_ONCE_MAX > worker.LOCAL_ACTIVITIES_AT_ONCE_MAX

    def test_two_hanging_parties_leave_local_activities_to_the_others(self) -> None:
        assert worker.LOCAL_ACTIVITIES_AT_ONCE_MAX > 2 * CALLS_MAX

    def test_all_parties_of_eight_hospitals_may_hang_and_others_still_run(self) -> None:
        assert 8 * len(Party) * CALLS_MAX < worker.ACTIVITIES_AT_ONCE_MAX

    @pytest.mark.parametrize("soft", [512, 5_000])
    def test_the_limit_of_open_files_is_raised_and_never_lowered(self, soft: int) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        hard = before[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        try:
            worker.allow_open_files()
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (max(soft, worker.OPEN_FILES), hard)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)


class TestGates:
    def test_each_party_of_each_hospital_has_its_own(self) -> None:
        gates = worker.make_gates(HttpCaller(), Settings(), ["a", "b"])
        assert sorted(gates) == [("centre", "a"), ("centre", "b"), ("his", "a"), ("his", "b")]
        assert len({id(gate) for gate in gates.values()}) == len(gates)

    def test_a_hospitals_word_on_repeats_reaches_its_gateway(self) -> None:
        account = centres.ACCOUNT.model_dump()
        hospitals = {
            name: Hospital(id=name, centre=centres.profile(), his_url="http://127.0.0.1:9", his_repeats=each, **account)
            for name, each in (("a", HisRepeats.SAFE), ("b", HisRepeats.ASK))
        }
        settings = Settings(his_timeout_s=7)
        gates = worker.make_gates(HttpCaller(), settings, hospitals)
        _, systems = worker.make_gateways(gates, settings, hospitals, LocalKeys(Path("none")))
        assert {name: his.repeats_safely for name, his in systems.items()} == {"a": True, "b": False}
