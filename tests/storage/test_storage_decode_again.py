"""
A recording made anew from kept packets is the former or the new one at every instant.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from mortal_disk import Killed, Mortal, contents
from undecoded_fixtures import DISK, PLACE, codes, stored, stored_undecoded, whole

from siprec_tw.errors import LocalError
from siprec_tw.storage import disk as disk_module
from siprec_tw.storage.decode_again import clear, decode_again, forget, left_over
from siprec_tw.storage.exchange import exchange


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    return contents(stored(tmp_path / "at-once"))


def test_made_anew_as_at_once(tmp_path: Path, expected: dict[str, bytes]) -> None:
    """
    Every file is what it would have been; the former ones lie in remade/ until they are forgotten.
    """
    directory = stored_undecoded(tmp_path / "late")
    before = contents(directory)
    again = decode_again(tmp_path / "late", PLACE, DISK)
    assert again is not None and again.path == PLACE and again.manifest == whole(directory)
    assert contents(directory) == expected
    assert left_over(tmp_path / "late") == ["r1"] and contents(tmp_path / "late/remade/r1") == before
    forget(tmp_path / "late", "r1")
    assert left_over(tmp_path / "late") == []
    assert decode_again(tmp_path / "late", PLACE, DISK) is None


@pytest.mark.parametrize("part", ["before", "within", "after"])
def test_killed_at_any_step(tmp_path: Path, part: str, expected: dict[str, bytes]) -> None:
    """
    Wherever it dies the recording is whole, the former or the new one; cleared and repeated, it is the new one.
    """
    deaths, swapped = 0, set()
    for lives in range(1, 40):
        root = tmp_path / str(lives)
        directory = stored_undecoded(root)
        try:
            decode_again(root, PLACE, Mortal(lives, part))
        except Killed:
            deaths += 1
            whole(directory)
            swapped.add(contents(directory) == expected)
            holds = [clear(root, name, DISK) for name in left_over(root)]
            assert left_over(root) == []
            assert all(one is None or one.manifest == whole(directory) for one in holds)
            if codes(directory):
                decode_again(root, PLACE, DISK)
        assert contents(directory) == expected, f"died {part} change {lives}"
    assert deaths == (5 if part == "within" else 16)
    assert swapped == ({False, True} if part == "after" else {False})


@pytest.mark.parametrize("lives", [1, 2, 3, 4])
def test_where_directories_cannot_be_exchanged(
    tmp_path: Path, lives: int, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    They are renamed one after the other then; whoever dies in between leaves what puts the recording back.
    """
    def cannot(path: Path, other: Path) -> None:
        raise OSError(errno.EINVAL, "no")

    left, renamed = lives, Path.rename

    def rename(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if not left:
            raise Killed
        return renamed(self, target)

    directory = stored_undecoded(tmp_path)
    with monkeypatch.context() as old:
        old.setattr(disk_module, "exchange", cannot)
        old.setattr(Path, "rename", rename)
        try:
            decode_again(tmp_path, PLACE, DISK)
        except Killed:
            assert lives < 4
    for name in left_over(tmp_path):
        clear(tmp_path, name, DISK)
    assert left_over(tmp_path) == []
    whole(directory)
    assert codes(directory) == (["decoder-missing"] if lives == 1 else [])
    if lives > 1:
        assert contents(directory) == expected


def test_file_system_without_links(
    tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What the recording is made of is copied then.
    """
    directory = stored_undecoded(tmp_path)

    def no_links(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    assert decode_again(tmp_path, PLACE, DISK) is not None
    assert contents(directory) == expected


def test_disk_that_is_full(tmp_path: Path) -> None:
    """
    The recording stays as it was, and nothing is left in remade/.
    """
    directory = stored_undecoded(tmp_path)
    before = contents(directory)

    class Full(type(DISK)):  # type: ignore[misc]
        def write(self, path, blocks):  # type: ignore[no-untyped-def]
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        decode_again(tmp_path, PLACE, Full(sync=False))
    assert contents(directory) == before and left_over(tmp_path) == []


def test_recording_that_is_removed_meanwhile(tmp_path: Path) -> None:
    """
    It is gone then, and does not come back.
    """
    directory = stored_undecoded(tmp_path)

    class Removed(type(DISK)):  # type: ignore[misc]
        def exchange(self, path, other):  # type: ignore[no-untyped-def]
            path.rename(tmp_path / "elsewhere")
            super().exchange(path, other)

    with pytest.raises(FileNotFoundError):
        decode_again(tmp_path, PLACE, Removed(sync=False))
    assert not directory.exists() and left_over(tmp_path) == []


def test_no_recording_to_decode(tmp_path: Path) -> None:
    """
    A path without a recording is an error.
    """
    with pytest.raises(LocalError, match="no recording"):
        decode_again(tmp_path, PLACE, DISK)


def test_exchange(tmp_path: Path) -> None:
    """
    Two directories change places; one that is missing is an error, and the other stays.
    """
    (tmp_path / "a" / "x").mkdir(parents=True)
    (tmp_path / "b" / "y").mkdir(parents=True)
    exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "y").is_dir() and (tmp_path / "b" / "x").is_dir()
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "a" / "y").is_dir()
