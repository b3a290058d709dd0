"""Builds the dashboard's stylesheet and scripts from `assets/` into `src/gatewayops/web/static/`."""

import sys
from pathlib import Path

from gatewayops.testing.node_peers import NodePeers

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "src/gatewayops/web"


def main(out: str = "") -> None:
    """Into the folder `out`, or where the package has them."""
    tools = NodePeers(ROOT / "assets", ROOT / ".cache")
    tools.install()
    asked = {"templates": str(TEMPLATES), "out": out or str(TEMPLATES / "static")}
    tools.run_script("build.mjs", asked, timeout_s=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
