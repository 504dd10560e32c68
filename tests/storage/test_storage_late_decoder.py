"""
Stored recordings decoded when somebody asks: states, refusals, and the index.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Coroutine
from pathlib import Path
from unittest import mock

import pytest
from storage_fixtures import STARTED
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from undecoded_fixtures import PLACE, codes, stored, stored_undecoded, whole

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import LateDecoding, RecordingRow
from siprec_tw.recording.tones import Tones
from siprec_tw.storage.decode_again import decode_again, left_over
from siprec_tw.storage.decoding import decode
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.late_decoder import StoredDecoder
from siprec_tw.storage.nice_decoder import NiceDecoder
from siprec_tw.storage.recordings_index import RecordingsIndex
from siprec_tw.storage.threads import Here, T


class DecodesHere(NiceDecoder):
    """
    A decoder without programs.
    """

    def __call__(self, job):  # type: ignore[no-untyped-def]
        return decode(job)


class Later:
    """
    L{Threads} whose work is done when the test says so.
    """

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []

    def run(self, work, *args, **kwargs):  # type: ignore[no-untyped-def]
        waiting: Deferred[None] = Deferred()
        self.waiting.append(waiting)
        return waiting.addCallback(lambda _: work(*args, **kwargs))

    def go(self) -> None:
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            one.callback(None)


def result(work: Coroutine[Deferred[object], object, T]) -> T:
    found: list[T | Failure] = []
    Deferred.fromCoroutine(work).addBoth(found.append)
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]


def decoder(root: Path, threads: Here | Later, decode: NiceDecoder | None = None) -> StoredDecoder:
    index = RecordingsIndex(root, root / "index.sqlite", threads=Here())
    result(index.open())
    return StoredDecoder(
        root, index=index, threads=threads, looking=Here(), tones=Tones.KEEP, decode=decode or DecodesHere(),
        disk=Disk(sync=False),
    )


def test_from_asking_to_telling(tmp_path: Path) -> None:
    """
    It is under way until it is done; what came of it is told once; then there is nothing left to decode.
    """
    directory = stored_undecoded(tmp_path)
    later = Later()
    late = decoder(tmp_path, later)
    size = result(late._index.get("r1")).size        # type: ignore[union-attr]
    assert [result(late.decode("r1")) for _ in range(3)] == [LateDecoding("decoding")] * 3
    assert len(later.waiting) == 1
    later.go()      # the decoding
    assert result(late.decode("r1")).state == "decoding" and codes(directory) == []
    later.go()      # the former files
    assert result(late.decode("r1")) == LateDecoding("decoded")
    row = result(late._index.get("r1"))
    assert row is not None and row.size == whole(directory).files[0].octets > size
    assert left_over(tmp_path) == []
    with pytest.raises(PeerError, match="nothing left to decode") as refused:
        result(late.decode("r1"))
    assert refused.value.status == 409


def test_still_undecoded(tmp_path: Path) -> None:
    """
    Where the library is missing still, the reason says what to install, and it can be asked for again.
    """
    directory = stored_undecoded(tmp_path)
    late = decoder(tmp_path, Here())
    with mock.patch.dict(sys.modules, {"av": None}):
        assert result(late.decode("r1")).state == "decoding"
        told = result(late.decode("r1"))
    assert told.state == "undecoded" and "pip install 'siprec_tw[codecs]'" in told.reasons[0]
    assert codes(directory) == ["decoder-missing"]
    result(late.decode("r1"))
    assert result(late.decode("r1")) == LateDecoding("decoded")
    whole(directory)


def test_what_cannot_be_decoded(tmp_path: Path) -> None:
    """
    No such recording, one whose call goes on, one whose files are gone: 404; one that was decoded: 409.
    """
    stored(tmp_path)
    gone = stored_undecoded(tmp_path, "gone")
    late = decoder(tmp_path, Here())
    shutil.rmtree(gone)
    running = RecordingRow("up", "recording", "", "c", STARTED, None, 0.0, (), 0, "", 0)
    result(late._index.insert_started(running))
    for recording_id, status, text in (
        ("x", 404, "There is no recording 'x'"), ("up", 404, "its call goes on"), ("gone", 404, "are gone"),
        ("r1", 409, "nothing left to decode"),
    ):
        for _ in range(2):      # a refusal leaves nothing behind
            with pytest.raises(PeerError, match=text) as refused:
                result(late.decode(recording_id))
            assert refused.value.status == status


def test_disk_that_does_not_take_it(tmp_path: Path) -> None:
    """
    503, told once; the recording is as it was and can be asked for again.
    """
    directory = stored_undecoded(tmp_path)
    late = decoder(tmp_path, Here())
    (tmp_path / "remade").write_bytes(b"in the way")
    result(late.decode("r1"))
    with pytest.raises(PeerError, match="is as it was") as refused:
        result(late.decode("r1"))
    assert refused.value.status == 503 and whole(directory)
    (tmp_path / "remade").unlink()
    result(late.decode("r1"))
    assert result(late.decode("r1")).state == "decoded"


def test_what_a_kill_left_is_cleared(tmp_path: Path) -> None:
    """
    Killed between the exchange and the index: the next start tells the index what holds.
    """
    directory = stored_undecoded(tmp_path)
    late = decoder(tmp_path, Here())
    decode_again(tmp_path, PLACE, Disk(sync=False))
    assert left_over(tmp_path) == ["r1"]
    result(late.clear())
    row = result(late._index.get("r1"))
    assert row is not None and row.size == (directory / "recording.wav").stat().st_size
    assert left_over(tmp_path) == []


def test_what_cannot_be_cleared_hinders_nobody(tmp_path: Path) -> None:
    """
    Something strange in remade/ stays, the rest is cleared.
    """
    stored_undecoded(tmp_path)
    late = decoder(tmp_path, Here())
    decode_again(tmp_path, PLACE, Disk(sync=False))
    (tmp_path / "remade" / "a-file").write_bytes(b"strange")
    result(late.clear())
    assert left_over(tmp_path) == ["a-file"]


def test_stop_begins_nothing_more(tmp_path: Path) -> None:
    """
    What has to wait for its turn when the recorder stops is not begun, and stays as it is.
    """
    directory = stored_undecoded(tmp_path)
    later = Later()
    late = decoder(tmp_path, later)
    result(late.decode("r1"))
    stopping = Deferred.fromCoroutine(late.stop())
    assert not stopping.called
    later.go()
    assert stopping.called
    with pytest.raises(PeerError, match="the recorder stops"):
        result(late.decode("r1"))
    whole(directory)
    assert codes(directory) == ["decoder-missing"] and left_over(tmp_path) == []
