"""One file of claims, read as a writer may leave it: torn, sealed, or with room set aside."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchword.stores.claims.segment import DIGEST, SEAL, SIZE, Segment, append, begin, digest_of, pack, taken

ONE, OTHER = b"1" * DIGEST, b"2" * DIGEST


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "000000000001.claims", os.O_RDWR | os.O_CREAT)
    begin(opened, 100.0, 50.0)
    yield opened
    os.close(opened)


def _size(fd: int) -> int:
    return os.fstat(fd).st_size


def test_a_header_says_when_it_began_and_what_was_forgotten(fd: int) -> None:
    segment = Segment(fd, 1)
    assert (segment.begun, segment.forgotten, segment.offset, segment.claims) == (100.0, 50.0, SIZE, {})
    os.pwrite(fd, b"otherlog", 0)
    with pytest.raises(OSError, match="segment 1 has no header"):
        Segment(fd, 1)


def test_what_is_appended_is_read_and_a_torn_record_is_not(fd: int) -> None:
    writer, reader = Segment(fd, 1), Segment(fd, 1)
    for digest, until in ((ONE, 200.0), (OTHER, 150.0)):
        append(writer, pack(digest, until))
        writer.add(digest, until)
    os.pwrite(fd, pack(b"3" * DIGEST, 300.0)[:-1], writer.offset)
    reader.read(_size(fd))
    assert (reader.claims, reader.latest, reader.offset) == ({ONE: 200.0, OTHER: 150.0}, 200.0, 3 * SIZE)
    assert not reader.sealed


def test_a_seal_ends_it_before_its_own_place(fd: int) -> None:
    segment = Segment(fd, 1)
    append(segment, SEAL)
    segment.read(_size(fd))
    assert (segment.sealed, segment.offset, segment.claims) == (True, SIZE, {})


def test_room_that_was_set_aside_is_no_claim_and_goes_when_it_is_closed(fd: int) -> None:
    writer, reader = Segment(os.dup(fd), 1), Segment(fd, 1)
    writer.make_room()
    assert _size(fd) > 1000 * SIZE
    writer.room[SIZE : 2 * SIZE] = pack(ONE, 200.0)
    writer.add(ONE, 200.0)
    reader.read(_size(fd))
    assert (reader.claims, reader.offset) == ({ONE: 200.0}, 2 * SIZE)
    writer.close()
    assert _size(fd) == 2 * SIZE


def test_the_last_place_with_room_is_used_and_no_other(fd: int) -> None:
    segment = Segment(os.dup(fd), 1)
    segment.make_room()
    last = (len(segment.room) - SIZE) // SIZE * SIZE
    assert last < segment.full <= last + SIZE
    segment.close()


def test_taken_looks_at_whole_records_that_have_not_ended(fd: int, tmp_path: Path) -> None:
    segment = Segment(fd, 1)
    across = ONE[8:] + OTHER[:8]  # stands in the file, but across two records
    for digest, until in ((ONE, 200.0), (OTHER, 150.0)):
        append(segment, pack(digest, until))
        segment.add(digest, until)
    folder = str(tmp_path)
    assert taken(folder, ONE, 199.0)
    assert not taken(folder, ONE, 200.0)
    assert not taken(folder, across, 0.0)
    assert not taken(folder, b"a longer key", 0.0)
    append(segment, pack(digest_of(b"a longer key"), 300.0))
    assert taken(folder, b"a longer key", 0.0)


def test_a_disk_that_takes_half_a_record_is_broken(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = Segment(fd, 1)
    monkeypatch.setattr(os, "pwrite", lambda *_: SIZE - 1)
    with pytest.raises(OSError, match="in part"):
        append(segment, pack(ONE, 200.0))
