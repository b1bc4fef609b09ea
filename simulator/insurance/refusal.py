"""How the centre says no."""


class CentreRefusal(Exception):
    """A signed answer whose code is not 0. `message` is Chinese and names the field."""

    def __init__(self, message: str, code: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
