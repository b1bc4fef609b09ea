"""The supervisor with real processes: readiness, failure shown with its log, and nothing left behind."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cli.stack.child import Component, ComponentFailed
from cli.stack.supervisor import Supervisor
from tests.support.waiting import is_gone, until

SLEEPS = "import time; print('sleeping', flush=True); time.sleep(600)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
HAS_A_CHILD = (
    "import subprocess, sys\n"
    f"print(subprocess.Popen([sys.executable, '-c', {SLEEPS!r}], stdout=subprocess.DEVNULL).pid)\n{SLEEPS}"
)


async def _at_once(_pid: int) -> bool:
    return True


async def _never(_pid: int) -> bool:
    return False


def _component(
    name: str,
    code: str,
    ready: Callable[[int], Awaitable[bool]] = _at_once,
    *,
    ready_s_max: float = 30,
    stop_s_max: float = 30,
) -> Component:
    argv = (sys.executable, "-c", code)
    return Component(name, argv, dict(os.environ), ready, ready_s_max=ready_s_max, stop_s_max=stop_s_max)


def _printed(folder: Path, name: str) -> Callable[[int], Awaitable[bool]]:
    async def is_ready(_pid: int) -> bool:
        return "sleeping" in (folder / f"{name}.log").read_text(encoding="utf-8")

    return is_ready


class TestStart:
    async def test_it_waits_until_each_is_ready(self, tmp_path: Path) -> None:
        said: list[str] = []
        async with Supervisor(tmp_path, said.append) as supervisor:
            await supervisor.start(
                _component("a", SLEEPS, _printed(tmp_path, "a")), _component("b", SLEEPS, _printed(tmp_path, "b"))
            )
            assert sorted(said) == ["a", "b"]
            assert supervisor.pids.keys() == {"a", "b"}

    async def test_one_that_dies_is_named_with_the_end_of_its_log(self, tmp_path: Path) -> None:
        async with Supervisor(tmp_path) as supervisor:
            with pytest.raises(ComponentFailed, match=r"b ended by itself \(exit code 3\)") as caught:
                await supervisor.start(
                    _component("a", SLEEPS), _component("b", "print('no such table'); raise SystemExit(3)", _never)
                )
        assert caught.value.tail == ("no such table",)
        assert caught.value.log == tmp_path / "b.log"

    async def test_one_that_never_gets_ready_is_given_up(self, tmp_path: Path) -> None:
        async with Supervisor(tmp_path) as supervisor:
            with pytest.raises(ComponentFailed, match=r"slow was not ready within 0\.3 s"):
                await supervisor.start(_component("slow", SLEEPS, _never, ready_s_max=0.3))
            pids = supervisor.pids
        assert is_gone(pids["slow"])

    async def test_a_command_that_does_not_exist(self, tmp_path: Path) -> None:
        async with Supervisor(tmp_path) as supervisor:
            with pytest.raises(ComponentFailed, match="ghost ended by itself"):
                await supervisor.start(Component("ghost", ("/no/such/command",), dict(os.environ), _never))

    async def test_the_end_of_a_long_log_is_bounded(self, tmp_path: Path) -> None:
        code = "import sys\nfor n in range(50_000): print('line', n)\nsys.exit(1)"
        async with Supervisor(tmp_path) as supervisor:
            with pytest.raises(ComponentFailed) as caught:
                await supervisor.start(_component("chatty", code, _never))
        assert caught.value.tail[-1] == "line 49999"
        assert len(caught.value.tail) == 20


class TestRun:
    async def test_the_work_is_given_up_when_a_component_dies(self, tmp_path: Path) -> None:
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(_component("a", SLEEPS), _component("b", SLEEPS))
            os.kill(supervisor.pids["a"], signal.SIGKILL)
            with pytest.raises(ComponentFailed, match=r"a ended by itself \(signal SIGKILL\)"):
                await supervisor.run(asyncio.Event().wait())
            pids = supervisor.pids
        assert is_gone(pids["b"])

    async def test_the_result_of_the_work(self, tmp_path: Path) -> None:
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(_component("a", SLEEPS))
            assert await supervisor.run(asyncio.sleep(0, "done")) == "done"


class TestStop:
    async def test_the_last_started_stops_first(self, tmp_path: Path) -> None:
        order = tmp_path / "order"
        code = (
            "import signal, sys, time\n"
            f"def stop(*_): open({str(order)!r}, 'a').write('NAME '); sys.exit()\n"
            f"signal.signal(signal.SIGTERM, stop); {SLEEPS}"
        )
        async with Supervisor(tmp_path) as supervisor:
            for name in ("first", "second"):
                await supervisor.start(_component(name, code.replace("NAME", name), _printed(tmp_path, name)))
        assert order.read_text(encoding="utf-8") == "second first "

    async def test_one_that_ignores_the_request_is_killed_after_its_limit(self, tmp_path: Path) -> None:
        async with Supervisor(tmp_path) as supervisor:
            stubborn = _component("stubborn", IGNORES_SIGTERM, _printed(tmp_path, "stubborn"), stop_s_max=0.3)
            await supervisor.start(stubborn)
            pids = supervisor.pids
        assert is_gone(pids["stubborn"])

    async def test_a_child_of_a_component_goes_too(self, tmp_path: Path) -> None:
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.start(_component("parent", HAS_A_CHILD, _printed(tmp_path, "parent")))
            parent = supervisor.pids["parent"]
            child = int((tmp_path / "parent.log").read_text(encoding="utf-8").split()[0])
            assert not is_gone(child)
        await until(lambda: is_gone(child))
        assert is_gone(parent)

    async def test_cancelling_in_the_middle_leaves_none(self, tmp_path: Path) -> None:
        pids: dict[str, int] = {}

        async def work() -> None:
            async with Supervisor(tmp_path) as supervisor:
                await supervisor.start(_component("a", SLEEPS))
                pids.update(supervisor.pids)
                await supervisor.start(_component("b", SLEEPS, _never))

        task = asyncio.create_task(work())
        await until(lambda: "a" in pids)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert is_gone(pids["a"])


SUPERVISES = """
import asyncio, os, sys
from pathlib import Path
from cli.stack.child import Component
from cli.stack.supervisor import Supervisor
async def ready(_pid): return True
async def main():
    async with Supervisor(Path(sys.argv[1])) as supervisor:
        await supervisor.start(Component("a", (sys.executable, "-c", sys.argv[2]), dict(os.environ), ready))
        print(supervisor.pids["a"], flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
async def test_a_supervisor_that_is_killed_hard_leaves_none(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISES, str(tmp_path), IGNORES_SIGTERM), stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    child = int(await supervisor.stdout.readline())
    await until(lambda: "sleeping" in (tmp_path / "a.log").read_text(encoding="utf-8"))
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: is_gone(child))
    assert is_gone(child)
