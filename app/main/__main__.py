"""`python -m app.main`: one API process; the settings come from the environment."""

import os
import sys

from app.core.db import CannotConnect
from app.core.settings import SettingsWrong, load
from app.main import serve

try:
    serve.run(load(os.environ))
except (SettingsWrong, CannotConnect) as wrong:
    sys.exit(str(wrong))
