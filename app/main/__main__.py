"""`python -m app.main`: one API process; the settings come from the environment."""

import os
import sys

from app.core.settings import SettingsWrong, load
from app.main import serve

try:
    settings = load(os.environ)
except SettingsWrong as wrong:
    sys.exit(str(wrong))
serve.run(settings)
