"""Commands on a data directory, in this process."""

import json
import shutil

import pytest
from click.testing import CliRunner

from gatewayops.cli.root import root


class Commands:
    """`gatewayops` with --data, as somebody at the machine uses it."""

    def __init__(self, data):
        self.data = data

    def run(self, *words, typed=None):
        return CliRunner().invoke(root, [*words, "--data", str(self.data)], input=typed)

    def shown(self, *words, typed=None):
        done = self.run(*words, typed=typed)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *words):
        return json.loads(self.shown(*words, "--json"))

    def refused(self, *words, code=1):
        done = self.run(*words)
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        return done.stderr


@pytest.fixture
def commands(migrated_file, tmp_path):
    """On a directory whose control store has its tables."""
    (tmp_path / "data").mkdir(mode=0o700)
    shutil.copy(migrated_file, tmp_path / "data" / "control.db")
    return Commands(tmp_path / "data")
