"""How the SDK's example is pinned and unpacked."""

import io
import tarfile

import pytest

from gatewayops.testing.peer_process import PeerFailed
from gatewayops.testing.sdk_example import locked_entry, unpack_folder

LOCK = """\
mccabe==1.0 \\
    --hash=sha256:00
mcp==2.3.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
mcp-types==2.3.0 \\
    --hash=sha256:cc
"""


def archive(path, names):
    with tarfile.open(path, "w:gz") as package:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 2
            package.addfile(member, io.BytesIO(b"ok"))
    return path


def test_the_pin_is_the_lock_entry_with_its_hashes():
    assert locked_entry(LOCK, "mcp") == "mcp==2.3.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"


def test_a_lock_without_the_package_is_refused():
    with pytest.raises(PeerFailed, match="does not pin absent"):
        locked_entry(LOCK, "absent")


def test_only_the_wanted_folder_is_unpacked(tmp_path):
    source = archive(
        tmp_path / "p.tar.gz", ["p-1/setup.py", "p-1/examples/one/run.py", "p-1/examples/two/x.py"]
    )

    unpack_folder(source, "examples/one", tmp_path / "out")

    assert [path.name for path in tmp_path.joinpath("out").rglob("*")] == ["run.py"]


def test_a_member_that_leads_out_of_the_folder_is_refused(tmp_path):
    source = archive(tmp_path / "p.tar.gz", ["p-1/examples/one/../../../evil.py"])

    with pytest.raises(PeerFailed, match="leads out"):
        unpack_folder(source, "examples/one", tmp_path / "out")


def test_a_package_without_the_folder_is_refused(tmp_path):
    with pytest.raises(PeerFailed, match="holds no examples/one"):
        unpack_folder(archive(tmp_path / "p.tar.gz", ["p-1/a"]), "examples/one", tmp_path / "out")
