"""`python -m workers`: one worker process; the settings come from the environment."""

import os
import sys

import uvloop

from app.core.db import CannotConnect
from app.core.settings import SettingsWrong, load
from workers.process import serve


def main() -> None:
    try:
        uvloop.run(serve(load(os.environ)))
    except (SettingsWrong, CannotConnect) as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()
