"""`python -m workers`: one worker process; the settings come from the environment."""

import os
import sys

import uvloop

from app.core.settings import SettingsWrong, load
from workers.process import serve


def main() -> None:
    try:
        settings = load(os.environ)
    except SettingsWrong as wrong:
        sys.exit(str(wrong))
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
