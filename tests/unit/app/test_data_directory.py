"""What lies in the data directory, and who may read it."""

import socket

from gatewayops.app import demo_key
from gatewayops.app.demo_key import DemoKey
from gatewayops.app.layout import DataDirectory, is_port_free

KEY = DemoKey(id="key_1", secret="gwo_dev_" + "s" * 32)


def mode(path):
    return oct(path.stat().st_mode & 0o777)


def test_the_directory_and_its_secrets_are_the_owners_alone(tmp_path):
    tmp_path.joinpath("data").mkdir(mode=0o755)

    data = DataDirectory(tmp_path / "data").prepare()
    data.internal_token()

    assert mode(data.root) == "0o700"
    assert mode(data.secrets) == "0o700"
    assert mode(data.secrets / "internal.key") == "0o600"


def test_secrets_are_the_same_at_the_next_start_and_differ_from_each_other(tmp_path):
    first = DataDirectory(tmp_path / "data").prepare()
    made = (first.internal_token(), first.store_password())

    second = DataDirectory(tmp_path / "data").prepare()

    assert (second.internal_token(), second.store_password()) == made
    assert made[0] != made[1]


def test_the_demo_key_is_kept_sealed(tmp_path):
    data = DataDirectory(tmp_path / "data").prepare()

    demo_key.write(data, KEY)

    assert demo_key.read(data) == KEY
    assert KEY.secret.encode() not in (data.secrets / "demo-key").read_bytes()
    assert mode(data.secrets / "demo-key") == "0o600"


def test_a_demo_key_of_another_installation_counts_as_none(tmp_path):
    data = DataDirectory(tmp_path / "data").prepare()
    demo_key.write(data, KEY)
    (data.secrets / "seal.key").write_bytes(b"x" * 32)

    assert demo_key.read(data) is None


def test_the_demo_keeps_its_port_unless_it_is_taken(tmp_path):
    data = DataDirectory(tmp_path / "data").prepare()
    first = demo_key.port(data)

    assert demo_key.port(data) == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert not is_port_free("127.0.0.1", first)
        assert demo_key.port(data) != first
