"""Runs a command that can't outlive its parent: `python -I leash.py PARENT_PID COMMAND ARGUMENT…`.

The kernel's parent-death signal survives exec and reaches children even of a parent that was killed hard. It exists
on Linux only; elsewhere a supervisor that is killed hard leaves its children, one that is stopped does not.
Run by its path, so that it starts without importing the project.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the signal was asked for
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - replacing this process is the point; there is no shell to escape


if __name__ == "__main__":
    main()
