"""An activity is declared once: its name, what a refusal is reported as, and its place in the worker."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

import worker
from activities.call_log import CallLog
from activities.contract import centre, his, records, refunds
from activities.contract.base import FailureKind, StepResult
from activities.reporting import Activities, declared
from domain.errors import ErrorCode, NotSent, PaymentError, Refused, Unknown
from security.crypto.keyring import Keyring
from settings import Settings
from storage.session import Database


class AskActivities(Activities, ABC, refused_as=ErrorCode.HIS_REFUSED):
    @declared("ask")
    @abstractmethod
    async def ask(self, failure: Exception) -> str:
        """It has its name here, and nowhere else."""


class KeepActivities(Activities, ABC):
    @declared("keep")
    @abstractmethod
    async def keep(self, failure: Exception) -> str:
        """It asks no other side."""


class Both(AskActivities, KeepActivities):
    async def ask(self, failure: Exception) -> str:
        raise failure

    async def keep(self, failure: Exception) -> str:
        raise failure


def names(activities: list[Any]) -> list[str]:
    return [activity._Definition.must_from_callable(each).name or "" for each in activities]


async def returned(method: Any, failure: Exception) -> StepResult[Any]:  # noqa: ANN401 - a bound method
    result: StepResult[Any] = await ActivityEnvironment().run(method, failure)
    return result


class TestDeclaring:
    def test_an_implementation_has_the_names_of_all_that_it_carries_out(self) -> None:
        assert sorted(names(Both().activities())) == ["ask", "keep"]

    @pytest.mark.parametrize(
        ("failure", "told"),
        [
            (PaymentError(ErrorCode.TOTAL_MISMATCH, "不符"), ("TOTAL_MISMATCH", "不符")),
            (Refused("settle", "已停诊"), ("HIS_REFUSED", "已停诊")),
        ],
    )
    async def test_a_refusal_is_returned(self, failure: Exception, told: tuple[str, str]) -> None:
        result = await returned(Both().ask, failure)
        assert result.failure is not None
        assert (result.name, result.failure.kind, result.failure.code, result.failure.message) == (
            "ask",
            FailureKind.REFUSED,
            *told,
        )

    @pytest.mark.parametrize(
        ("method", "failure", "told"),
        [
            (Both().ask, NotSent("settle", "down"), ("not_sent", False, "down")),
            (Both().ask, Unknown("settle", "lost"), ("unknown", False, "lost")),
            (Both().keep, Refused("settle", "no"), ("refused", False, "no")),
        ],
    )
    async def test_what_is_not_final_is_raised_and_retried(
        self,
        method: Any,  # noqa: ANN401 - a bound method
        failure: Exception,
        told: tuple[str, bool, str],
    ) -> None:
        """Also a refusal that nobody declared."""
        with pytest.raises(ApplicationError) as raised:
            await returned(method, failure)
        assert (raised.value.type, raised.value.non_retryable, raised.value.message) == told

    async def test_what_is_no_failure_of_a_call_passes_as_it_is(self) -> None:
        with pytest.raises(ValueError, match="a bug"):
            await returned(Both().ask, ValueError("a bug"))


class TestWorker:
    async def test_every_declared_activity_is_registered(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        registered: list[Any] = []
        monkeypatch.setattr(worker, "Worker", lambda *_, activities, **__: registered.extend(activities))
        client: Any = None
        async with Database(f"sqlite:///{tmp_path / 'records.db'}", Keyring.generate()) as database:
            call_log = CallLog(database)
            worker.make_worker(client, Settings(), call_log, ({}, {}))
            worker.make_notifier(client, "queue", call_log, {})

        classes = [
            each for room in (centre, his, records, refunds) for each in vars(room).values() if isinstance(each, type)
        ]
        contracts = {each for each in classes if issubclass(each, Activities)} - {Activities}
        declared_names = [declaration.name for each in contracts for declaration in each.declarations.values()]
        assert len(declared_names) > 20
        assert sorted(names(registered)) == sorted(declared_names)
