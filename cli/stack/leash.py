"""Runs a command that can't outlive its parent: `python -I leash.py PARENT_PID COMMAND ARGUMENT…`.

The kernel's parent-death signal survives exec and works even if the parent gets SIGKILL. It exists on Linux only:
elsewhere a supervisor killed by SIGKILL leaves its children behind. Run by path, without importing the project.
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
    if os.getppid() != parent:  # the parent died before the signal was requested
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - replacing this process is the point; there is no shell to escape


if __name__ == "__main__":
    main()
