"""Archives: what is in them is found; bombs, locks and damage are said."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import struct
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scan.packing import PACKERS, tarred, zipped
from watchword.codec.secrets import new_secret
from watchword.scan import archives
from watchword.scan import look as looking
from watchword.scan.archives import Budget, packed
from watchword.scan.finding import Finding, Unread
from watchword.scan.look import Look

SECRET = new_secret("ak_live_")
TEXT = f"one\nkey = {SECRET}\n".encode()


def look(data: bytes, budget: Callable[[], Budget] = Budget) -> list[Finding | Unread]:
    return list(Look(budget).into("top", io.BytesIO(data)))


def texts(seen: list[Finding | Unread]) -> list[str]:
    return [each.text for each in seen if isinstance(each, Finding)]


@pytest.mark.parametrize("packing", PACKERS)
def test_what_is_packed_is_found_once(packing: str) -> None:
    (finding,) = look(PACKERS[packing](TEXT))
    assert isinstance(finding, Finding)
    assert (finding.text, finding.line, finding.column) == (SECRET, 2, 7)
    assert finding.path == ("top!in/side.txt" if "tar" in packing or packing in ("zip", "stored") else "top!content")


@pytest.mark.parametrize("outer", PACKERS)
@pytest.mark.parametrize("inner", ["zip", "tar.gz", "xz"])
def test_one_in_another(outer: str, inner: str) -> None:
    assert texts(look(PACKERS[outer](PACKERS[inner](TEXT)))) == [SECRET]


def test_a_large_member_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_BLOCK", 1 << 17)
    noise = random.Random(1).randbytes(5 << 16)
    assert (
        texts(look(zipped({"a": noise + TEXT, "b": zipped({"c": noise + TEXT}, zipfile.ZIP_STORED)}))) == [SECRET] * 2
    )
    assert texts(look(tarred({"a": noise + TEXT}, "w:gz"))) == [SECRET]


def test_what_lies_behind_an_archive_is_found_too() -> None:
    for packing in ("zip", "tar", "gz"):
        other = new_secret("ws_")
        assert sorted(texts(look(PACKERS[packing](TEXT) + other.encode()))) == sorted([SECRET, other])


@pytest.mark.parametrize("packing", ["zip", "tar.gz", "gz", "bz2", "xz"])
def test_a_bomb_is_refused(packing: str) -> None:
    bomb = PACKERS[packing](bytes(2 << 20))
    assert len(bomb) < 100_000
    (unread,) = look(bomb, lambda: Budget(size=1 << 18))
    assert isinstance(unread, Unread)
    assert unread.refused
    assert "more than is looked into" in unread.why


def test_a_bomb_that_is_many_files_is_refused() -> None:
    """Each is small; together they are counted, with all that is in them (as in 42.zip)."""
    inner = zipped({"a": bytes(300_000)})
    seen = look(zipped({f"{number}.zip": inner for number in range(10)}), lambda: Budget(size=1 << 20))
    assert any(isinstance(each, Unread) and each.refused for each in seen)
    seen = look(zipped({str(number): b"" for number in range(50)}), lambda: Budget(members=49))
    assert [isinstance(each, Unread) and each.why for each in seen] == ["it holds more members than are looked into"]


def test_what_is_packed_too_deep_is_refused() -> None:
    data = TEXT
    for _ in range(7):
        data = gzip.compress(data)
    (unread,) = look(data)
    assert isinstance(unread, Unread)
    assert unread.refused
    assert "too many others" in unread.why


def test_a_header_that_asks_for_gigabytes_costs_nothing() -> None:
    """A pax header is read at once, as long as it says it is."""
    entry = tarfile.TarInfo("a")
    entry.type, entry.size = tarfile.XHDTYPE, 3 << 30
    header = entry.tobuf(tarfile.USTAR_FORMAT)
    started = time.process_time()
    for data in (header, gzip.compress(header + bytes(1 << 20))):
        assert [isinstance(each, Unread) for each in look(data)] == [True]
    assert time.process_time() - started < 2


@pytest.mark.parametrize("begun", [b"", b"22 GNU.sparse.major=0\n22 GNU.sparse.minor=0\n"])
def test_cve_2024_6232_a_header_of_digits(begun: bytes) -> None:
    """Half a megabyte of them took minutes, and is a few hundred bytes when it is packed."""
    content = begun + b"1" * 500_000
    entry = tarfile.TarInfo("a")
    entry.type, entry.size = tarfile.XHDTYPE, len(content)
    data = entry.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512) + tarred({"b": TEXT})
    started = time.process_time()
    for each in (data, gzip.compress(data, 1)):
        assert [unread.refused for unread in look(each) if isinstance(unread, Unread)] == [True]
    assert time.process_time() - started < 2
    named = tarred({"n" * 300: TEXT})  # has a header of its own, as it should
    assert texts(look(named)) == [SECRET]


def test_a_list_of_a_million_members_is_not_taken_in() -> None:
    listed = (b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a") * 200_000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 50_000, 50_000, len(listed), 30, 0)
    seen = look(b"PK\x03\x04" + bytes(26) + listed + end)
    assert [isinstance(each, Unread) and each.refused for each in seen] == [True]


def test_xz_that_asks_for_gigabytes_of_memory_is_said() -> None:
    data = bytearray(lzma.compress(TEXT, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]))
    at = data.index(b"\x21\x01", 12)
    data[at + 2] = 40  # four gigabytes
    size = (data[12] + 1) * 4
    struct.pack_into("<I", data, 12 + size - 4, zlib.crc32(bytes(data[12 : 12 + size - 4])))
    seen = look(bytes(data))
    assert [each.why for each in seen if isinstance(each, Unread)] == ["it is damaged, or no xz file (LZMAError)"]


def test_a_name_of_any_length_in_a_header_takes_no_time(tmp_path: Path) -> None:
    """Byte by byte the system would be asked for each of them."""
    (tmp_path / "a").write_bytes(b"\x1f\x8b\x08\x08" + b"-" * (16 << 20))
    started = time.process_time()
    with (tmp_path / "a").open("rb", buffering=0) as file:
        list(Look().into("top", file))
    assert time.process_time() - started < 2
    other = new_secret("ws_")
    several = gzip.compress(TEXT) + bytes(8) + gzip.compress(other.encode()) + bytes(4)
    assert texts(look(several)) == [SECRET, other]
    assert texts(look(gzip.compress(TEXT * 5_000)[:-20])) != []


def test_several_xz_streams_are_one_file() -> None:
    other = new_secret("ws_")
    data = lzma.compress(TEXT) + bytes(8) + lzma.compress(other.encode()) + bytes(4)
    assert texts(look(data)) == [SECRET, other]
    assert texts(look(lzma.compress(TEXT * 5_000)[:-20])) != []


def test_holes_are_counted() -> None:
    """A sparse member says that it is a terabyte of nothing."""
    data = tarred({"a": b"x" * 512})
    sparse = bytearray(data)
    entry = tarfile.TarInfo("a")
    entry.size = 512
    buffer = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    buffer[156:157] = b"S"
    buffer[386:398] = b"00000000000\0"  # offset of the one piece
    buffer[398:410] = b"00000001000\0"  # its length
    buffer[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")  # the size that it unpacks to
    buffer[148:156] = b"%06o\0 " % sum(buffer[:148] + b" " * 8 + buffer[156:512])
    sparse[:512] = buffer
    (unread,) = look(bytes(sparse), lambda: Budget(size=1 << 22))
    assert isinstance(unread, Unread)
    assert "more than is looked into" in unread.why


def test_a_locked_member_is_said_and_no_refusal() -> None:
    locked = bytearray(zipped({"a": TEXT, "b": TEXT}))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = locked.find(magic)
        flags = struct.unpack_from("<H", locked, at + place)[0]
        struct.pack_into("<H", locked, at + place, flags | 1)
    seen = look(bytes(locked))
    assert texts(seen) == [SECRET]
    (unread,) = [each for each in seen if isinstance(each, Unread)]
    assert (unread.path, unread.refused) == ("top!a", False)


def test_a_member_that_cannot_be_opened_hides_no_other() -> None:
    """Its way of packing is unknown, or its checksum wrong: those after it are read."""
    for place, value in (((8, 10), 97), ((14, 16), 1)):
        data = bytearray(zipped({"a": TEXT, "b": TEXT}))
        for magic, offset in zip((b"PK\x03\x04", b"PK\x01\x02"), place, strict=True):
            struct.pack_into("<H", data, data.find(magic) + offset, value)
        seen = look(bytes(data))
        assert "top!b" in [each.path for each in seen if isinstance(each, Finding)]
        assert [(each.path, each.refused) for each in seen if isinstance(each, Unread)] == [("top!a", False)]


@pytest.mark.parametrize("packing", PACKERS)
def test_damage_is_said_and_breaks_nothing(packing: str) -> None:
    whole = PACKERS[packing](random.Random(2).randbytes(2000) + TEXT)
    for cut in (600, len(whole) // 2, len(whole) - 30):
        for each in look(whole[:cut]):
            assert isinstance(each, Finding) or not each.refused


@given(st.sampled_from(sorted(PACKERS)), st.data())
def test_any_bytes_of_an_archive_may_be_others(packing: str, data: st.DataObject) -> None:
    whole = bytearray(PACKERS[packing](TEXT))
    for _ in range(3):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    look(bytes(whole))


def test_zstd_where_it_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\x28\xb5\x2f\xfd" + TEXT
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    seen = look(data)
    assert any(isinstance(each, Unread) and "zstandard" in each.why and each.refused for each in seen)
    assert texts(seen) == [SECRET]

    class Zstd:
        @staticmethod
        def open(source: io.BytesIO, mode: str) -> io.BytesIO:
            return io.BytesIO(source.read()[4:])

    monkeypatch.setitem(sys.modules, "zstandard", Zstd)
    monkeypatch.setattr(archives, "import_module", lambda name: Zstd)
    monkeypatch.setattr(Zstd, "ZstdFile", Zstd.open, raising=False)
    assert texts(look(data)) == [SECRET]


def test_kinds_are_known_by_how_they_begin() -> None:
    assert packed(b"PK\x03\x04") == "zip"
    assert packed(bytes(257) + b"ustar") == "tar"
    assert packed(b"#!/bin/sh") == ""
    assert packed(b"") == ""
