"""The keyring: values open with their data key, at their place, in their organisation; old ones still do."""

from pathlib import Path

import msgspec
import pytest

from gatewayops.base.crypto import SealBroken, Sealer, secret_file
from gatewayops.store.secrets.keyring import Keyring, key_of
from gatewayops.store.secrets.opening import open_keyring
from gatewayops.store.secrets.settings import SecretsSettings

PLACE = b"server:org_a:srv_1"


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return open_keyring(SecretsSettings(), tmp_path)


def again(tmp_path: Path) -> Keyring:
    """Another process on the same data directory."""
    return open_keyring(SecretsSettings(), tmp_path)


def test_a_value_opens_in_any_process_that_learned_of_its_key(keyring: Keyring, tmp_path: Path) -> None:
    row = keyring.new_key("org_a")
    sealed = keyring.seal(b"secret", key_id=row.id, bound_to=PLACE)
    assert key_of(sealed) == row.id
    other = again(tmp_path)
    with pytest.raises(SealBroken, match=row.id):
        other.open(sealed, bound_to=PLACE)
    assert other.learn([row]) == ()
    assert other.open(sealed, bound_to=PLACE) == b"secret"


def test_a_value_opens_at_its_place_only(keyring: Keyring) -> None:
    first, second = keyring.new_key("org_a"), keyring.new_key("org_b")
    sealed = keyring.seal(b"secret", key_id=first.id, bound_to=PLACE)
    under_another = sealed.replace(first.id.encode(), second.id.encode())
    for value, place in (
        (sealed, b"server:org_a:srv_2"),
        (sealed, b"server:org_b:srv_1"),
        (under_another, PLACE),
        (sealed[:-1], PLACE),
        (sealed[:10], PLACE),
        (b"", PLACE),
        (b"gwo\x01", PLACE),
        (b"gwo\x01\xff\xff", PLACE),
    ):
        with pytest.raises(SealBroken):
            keyring.open(value, bound_to=place)


def test_a_data_key_moved_to_another_organisation_is_not_learned(keyring: Keyring, tmp_path: Path) -> None:
    row = keyring.new_key("org_a")
    moved = msgspec.structs.replace(row, org_id="org_b")
    renamed = msgspec.structs.replace(row, id="dk_other")
    assert again(tmp_path).learn([moved, renamed]) == (row.id, "dk_other")


def test_what_was_sealed_before_there_were_data_keys_still_opens(keyring: Keyring, tmp_path: Path) -> None:
    before = Sealer(secret_file(tmp_path / "seal.key"))
    assert keyring.open(before.seal(b"old", bound_to=PLACE), bound_to=PLACE) == b"old"
    unlucky = b"gwo\x01"  # a nonce may begin like this, once in four billion
    sealed = unlucky + before.seal(b"old", bound_to=PLACE)[4:]
    with pytest.raises(SealBroken):
        keyring.open(sealed, bound_to=PLACE)


async def test_a_key_wrapped_anew_is_the_same_key(keyring: Keyring, tmp_path: Path) -> None:
    row = keyring.new_key("org_a")
    sealed = keyring.seal(b"secret", key_id=row.id, bound_to=PLACE)
    keyring.masters.rotate()
    wrapped = keyring.rewrapped(row)
    assert (wrapped.id, wrapped.version) == (row.id, "local:2")
    (tmp_path / "master-1.key").unlink()
    other = again(tmp_path)
    assert await other.learn_all([wrapped]) == ()
    assert other.open(sealed, bound_to=PLACE) == b"secret"
    assert keyring.learn([msgspec.structs.replace(row, wrapped=b"never asked")]) == ()


def test_a_key_of_a_provider_that_is_not_known_here_is_missing(keyring: Keyring, tmp_path: Path) -> None:
    row = msgspec.structs.replace(keyring.new_key("org_a"), version="of_tomorrow:1")
    assert again(tmp_path).learn([row]) == (row.id,)


def test_only_what_is_used_is_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path;"
        "from gatewayops.store.secrets.opening import open_keyring;"
        "from gatewayops.store.secrets.settings import SecretsSettings;"
        f"open_keyring(SecretsSettings(), Path({str(tmp_path)!r}));"
        "found = {'boto3', 'hvac', 'requests', 'azure', 'sqlalchemy'} & set(sys.modules);"
        "sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
