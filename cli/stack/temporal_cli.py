"""The official `temporal` command: where it is, and how it is asked."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.failures import WRONG_USE, CommandError
from cli.stack.signals import send

COMMAND_S_MAX = 10.0


def temporal_binary(setting: str | None) -> str:
    """`MEDPAY_TEMPORAL_CLI`, else the one that pip put beside this interpreter. Raises `CommandError`."""
    wanted = setting or str(Path(sys.executable).parent / "temporal")
    found = shutil.which(wanted)
    if found is None:
        hint = "" if setting else " (make setup installs it)"
        raise CommandError(f"MEDPAY_TEMPORAL_CLI: {wanted} is not a command{hint}", exit_code=WRONG_USE)
    return str(Path(found).absolute())


def without_temporal_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """TEMPORAL_ADDRESS, TEMPORAL_TLS and the like of a user's own cluster must not redirect the embedded stack."""
    return {name: value for name, value in environment.items() if not name.startswith("TEMPORAL_")}


@dataclass(frozen=True)
class TemporalCommand:
    """One server as the command line asks it: a probe in another process keeps the SDK's threads out of this one."""

    binary: str
    address: str
    namespace: str

    async def run(self, *arguments: str) -> str | None:
        """What the command printed, or None if it failed or took longer than 10 s."""
        process = await asyncio.create_subprocess_exec(
            *(self.binary, *arguments, "--address", self.address, "--namespace", self.namespace),
            env=without_temporal_variables(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(COMMAND_S_MAX):
                output, _ = await process.communicate()
        except TimeoutError:
            return None
        finally:
            send(process, signal.SIGKILL)
            await process.wait()
        return output.decode("utf-8") if process.returncode == 0 else None
