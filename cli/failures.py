"""How a command ends when it can't go on: one line on standard error and an exit code (contract 2.5)."""

CHECK_FAILED = 1
WRONG_USE = 2


class CommandError(Exception):
    """A failure that the user can act on. `lines` go to standard error as they are; no stack trace follows."""

    def __init__(self, *lines: str, exit_code: int = CHECK_FAILED) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.exit_code = exit_code
