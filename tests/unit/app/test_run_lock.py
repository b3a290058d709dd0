"""One holder at a time, and others learn who it is."""

import pytest

from gatewayops.app.run_lock import AlreadyHeld, RunLock


@pytest.fixture
def lock(tmp_path):
    lock = RunLock(tmp_path, "up")
    yield lock
    lock.close()


@pytest.fixture
def other(tmp_path):
    other = RunLock(tmp_path, "up")
    yield other
    other.close()


def test_a_second_holder_is_refused_and_told_who_holds(lock, other):
    lock.take()
    lock.tell({"pid": 4711})

    with pytest.raises(AlreadyHeld, match="4711"):
        other.take()
    assert other.holder() == {"pid": 4711}


def test_what_a_dead_holder_told_does_not_count(lock, other, tmp_path):
    dead = RunLock(tmp_path, "up")
    dead.take()
    dead.tell({"pid": 4711})
    dead.close()

    assert other.holder() is None
    lock.take()


def test_asking_for_the_holder_does_not_take_the_lock(lock, other):
    assert other.holder() is None

    lock.take()
    assert other.holder() == {}
