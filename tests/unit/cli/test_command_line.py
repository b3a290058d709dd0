"""The command line itself: light to start, clear when it is used wrongly."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from gatewayops.cli.root import root

HEAVY = ("fastapi", "sqlalchemy", "httpx", "rich", "pydantic", "uvicorn", "cryptography")


def loaded_by(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_names_every_noun():
    shown = CliRunner().invoke(root, ["--help"]).output

    assert all(noun in shown for noun in ("up", "server", "key", "trace", "cost", "price", "settings"))


@pytest.mark.parametrize("noun", ["server", "key", "trace", "cost", "price", "team", "project", "user", "up"])
def test_every_noun_explains_itself(noun):
    assert CliRunner().invoke(root, [noun, "--help"]).exit_code == 0


def test_help_loads_nothing_heavy():
    program = (
        "import sys\nfrom gatewayops.cli import root\n"
        "try: root.root(['--help'], prog_name='x')\nexcept SystemExit: pass\nprint(*sys.modules)"
    )

    assert not {name.partition(".")[0] for name in loaded_by(program)} & set(HEAVY)


def test_the_gateway_process_carries_no_library_of_the_control_role():
    imports = "import sys\nfrom gatewayops.cli import roles\nfrom gatewayops.gateway import role\n"

    tops = {name.partition(".")[0] for name in loaded_by(imports + "print(*sys.modules)")}

    assert not tops & {"fastapi", "starlette", "sqlalchemy", "pydantic", "mcp", "pyarrow", "httpx", "rich"}


def test_an_installation_that_does_not_answer_is_named():
    done = CliRunner().invoke(root, ["server", "list", "--url", "http://127.0.0.1:9", "--key", "k"])

    assert done.exit_code == 1
    assert "http://127.0.0.1:9 does not answer" in done.stderr


def test_a_directory_and_a_url_together_are_refused(tmp_path):
    done = CliRunner().invoke(root, ["key", "list", "--data", str(tmp_path), "--url", "http://127.0.0.1:9"])

    assert done.exit_code == 2
    assert "not both" in done.stderr


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path):
    tmp_path.joinpath("file").write_text("")

    done = CliRunner().invoke(root, ["key", "list", "--data", str(tmp_path / "file" / "data")])

    assert done.exit_code == 1
    assert str(tmp_path / "file" / "data") in done.stderr


def test_several_workers_without_redis_are_refused(tmp_path):
    done = CliRunner().invoke(root, ["gateway", "--workers", "2", "--data", str(tmp_path)])

    assert done.exit_code == 2
    assert "--redis" in done.stderr


def test_a_redis_that_does_not_answer_is_named_without_its_password(tmp_path):
    words = [
        "gateway",
        "--workers",
        "2",
        "--redis",
        "redis://me:pw-4711@127.0.0.1:9/0",
        "--data",
        str(tmp_path),
    ]

    done = CliRunner().invoke(root, words)

    assert done.exit_code == 2
    assert "127.0.0.1:9" in done.stderr
    assert "4711" not in done.stderr
