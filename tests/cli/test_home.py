"""The data folder of a clone."""

import json
from pathlib import Path

from app.cli.home import Home


def test_a_folder_of_an_older_version_gets_the_secrets_that_are_new_and_keeps_the_others(folder: Path) -> None:
    made = Home(folder).secrets()
    old = {name: text for name, text in made.items() if name != "population_secret"}
    (folder / "secrets.json").write_text(json.dumps(old))
    again = Home(folder).secrets()
    assert again.keys() == made.keys()
    assert old.items() <= again.items()
    assert Home(folder).secrets() == again
