"""The spool: whole frames or nothing, and segments that go when they are used up."""

import os

import pytest

from gatewayops.record import spool
from gatewayops.record.spool import SpoolBroken, SpoolWriter, read_frames, segments


@pytest.fixture
def writer(tmp_path):
    opened = SpoolWriter(tmp_path, segment_bytes=64)
    yield opened
    opened.close()


def test_frames_come_back_in_order_without_the_probes_between_them(tmp_path, writer):
    writer.append(b"one", b"two")
    writer.probe()
    writer.append(b"three")
    [segment] = segments(tmp_path)

    payloads, end = read_frames(segment, 0, limit=10)

    assert payloads == [b"one", b"two", b"three"]
    assert end == segment.stat().st_size


def test_reading_goes_on_where_it_stopped(tmp_path, writer):
    for number in range(5):
        writer.append(b"%d" % number)
    [segment] = segments(tmp_path)

    first, offset = read_frames(segment, 0, limit=2)
    rest, _ = read_frames(segment, offset, limit=10)

    assert (first, rest) == ([b"0", b"1"], [b"2", b"3", b"4"])


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_frame_that_is_not_whole_is_not_read(tmp_path, writer, cut):
    writer.append(b"whole")
    writer.append(b"torn")
    [segment] = segments(tmp_path)
    os.truncate(segment, segment.stat().st_size - cut)

    payloads, end = read_frames(segment, 0, limit=10)

    assert payloads == [b"whole"]
    assert end == 5 + spool.HEAD_BYTES


def test_a_frame_with_a_wrong_checksum_ends_the_segment(tmp_path, writer):
    writer.append(b"good")
    writer.append(b"evil")
    [segment] = segments(tmp_path)
    raw = segment.read_bytes()
    segment.write_bytes(raw.replace(b"evil", b"EVIL"))

    assert read_frames(segment, 0, limit=10)[0] == [b"good"]


def test_a_frame_larger_than_one_read_comes_back(tmp_path):
    writer = SpoolWriter(tmp_path)
    large = os.urandom(9 << 20)
    writer.append(large)
    writer.append(b"next")
    [segment] = segments(tmp_path)

    payloads, offset = read_frames(segment, 0, limit=10)

    assert payloads == [large]
    assert read_frames(segment, offset, limit=10)[0] == [b"next"]
    writer.close()


def test_a_full_segment_is_sealed_and_the_newest_is_not(tmp_path, writer):
    for _ in range(3):
        writer.append(b"x" * 60)

    assert [spool.is_sealed(segment) for segment in segments(tmp_path)] == [True, True, True, False]


def test_all_is_sealed_and_goes_when_the_writer_is_gone(tmp_path):
    writer = SpoolWriter(tmp_path)
    writer.append(b"last words")
    writer.close()
    [segment] = segments(tmp_path)

    assert spool.is_sealed(segment)
    spool.remove(segment)

    assert list(tmp_path.iterdir()) == []


def test_a_living_writer_keeps_its_folder(tmp_path, writer):
    writer.append(b"x" * 60)
    for segment in segments(tmp_path)[:-1]:
        spool.remove(segment)
    writer.append(b"more")

    assert read_frames(segments(tmp_path)[0], 0, limit=10)[0] == [b"more"]


def test_a_disk_that_refuses_is_told(tmp_path, writer):
    writer.append(b"before")
    readable = os.open(segments(tmp_path)[0], os.O_RDONLY)
    os.dup2(readable, writer._file)
    os.close(readable)

    with pytest.raises(SpoolBroken, match="cannot be written"):
        writer.append(b"after")
