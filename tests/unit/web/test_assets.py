"""The dashboard's files: what is committed is what the sources give, within the budget of a first load."""

import gzip
from pathlib import Path

from gatewayops.testing.node_peers import NodePeers

ROOT = Path(__file__).parents[3]
WEB = ROOT / "src/gatewayops/web"
FIRST_LOAD = ("app.css", "app.js", "charts.js", "theme.js", "icon.svg")
BUDGET_BYTES = 200 * 1024 - 40 * 1024  # the rest is the page's own


def test_the_committed_files_are_built_from_the_sources(tmp_path):
    tools = NodePeers(ROOT / "assets", ROOT / ".cache")
    tools.install()
    tools.run_script("build.mjs", {"templates": str(WEB), "out": str(tmp_path)}, timeout_s=120)
    for built in sorted(tmp_path.iterdir()):
        assert built.read_bytes() == (WEB / "static" / built.name).read_bytes(), "run 'make assets'"
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (WEB / "static").iterdir()}


def test_a_first_load_is_light():
    sizes = [len(gzip.compress((WEB / "static" / name).read_bytes())) for name in FIRST_LOAD]
    assert sum(sizes) <= BUDGET_BYTES
