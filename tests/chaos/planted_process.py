"""`medpay` with a planted bug: `python -m tests.chaos.planted_process worker`. The environment names the bug."""

import os

from cli.main import main
from tests.chaos.planted import PLANT, plant

if __name__ == "__main__":
    plant(os.environ[PLANT])
    main()
