"""
Recordings in a spool as the recorder and the media plane leave them, and threads that are none.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, execute

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording import journal, rtpdump, segment
from siprec_tw.recording.journal import (
    CallAnswered,
    CallEnded,
    CallStarted,
    Direction,
    EndReason,
    TrackOpened,
)
from siprec_tw.recording.segment import Checkpoint, Filled, Gap, Layout, SegmentClosed, SegmentOpened
from siprec_tw.recording.wav import header_g711

P = ParamSpec("P")
T = TypeVar("T")

STARTED = 1_790_000_000.0       # 2026-09-21T14:13:20Z
PCMU = PayloadFormat(0, "PCMU", 8000)
PCMA = PayloadFormat(8, "PCMA", 8000)
STRANGE = PayloadFormat(111, "X-STRANGE", 48000, 2)     # which nobody decodes
SILENCE = {"PCMU": 0xFF, "PCMA": 0xD5}
FRAME = 160


class Immediately:
    """
    Does blocking work at once, on the calling thread.
    """

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """
        Do it now.
        """
        return execute(work, *args, **kwargs)


def noise(seed: int, octets: int) -> bytes:
    """
    Seeded octets, every one of which is a sample of G.711.
    """
    return random.Random(seed).randbytes(octets)


@define
class Spooling:
    """
    Writes a recording into a spool.
    """

    root: Path
    recording_id: str = "r1"
    directory: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.directory = self.root / "spool" / self.recording_id
        self.directory.mkdir(parents=True)

    def journal(self, *events: journal.JournalEvent) -> None:
        """
        Append to the journal.
        """
        with (self.directory / "journal.jsonl").open("ab") as file:
            file.writelines(journal.to_line(event) for event in events)

    def start(self, *tracks: tuple[str, str]) -> None:
        """
        A call that was answered, with tracks of these stream ids and labels.
        """
        self.journal(
            CallStarted(
                STARTED, self.recording_id, "node-1", f"call-{self.recording_id}@sbc", "<sip:sbc@192.0.2.1>",
                "<sip:srs@192.0.2.9>", "sip:srs@192.0.2.9", "udp:192.0.2.1:5060", "SBC/7.4",
                (("Session-ID", "ab12"),),
            ),
            CallAnswered(STARTED + 0.01),
        )
        for index, (stream_id, label) in enumerate(tracks):
            opened = TrackOpened(
                STARTED + 0.01, index, stream_id, label, "audio", Direction.RECVONLY, (PCMU, PCMA)
            )
            self.journal(opened)

    def end(self, at: float = STARTED + 60) -> None:
        """
        The call ended by a BYE.
        """
        self.journal(CallEnded(at, EndReason.BYE, "Q.850;cause=16"))

    def document(self, name: str, body: bytes, carried_by: str = "INVITE 1", at: float = STARTED) -> None:
        """
        A metadata document, kept and noted.
        """
        (self.directory / "documents").mkdir(exist_ok=True)
        (self.directory / "documents" / name).write_bytes(body)
        kind = journal.DocumentKind.METADATA
        self.journal(journal.DocumentKept(at, kind, name, "application/rs-metadata+xml", carried_by))

    def segment(
        self, stream_id: str, number: int = 1, *, form: PayloadFormat = PCMU, epoch: int = 1, ssrc: int = 7,
        first: int = 80_000, sound: bytes = b"", lead: bytes = b"", sequence: int = 100,
        arrival: float = STARTED + 1, transit: float | None = None, gaps: Sequence[Gap] = (),
        filled: Sequence[Filled] = (), closed: bool = True, checkpoint: bool = True,
        packets: int | None = None,
    ) -> None:
        """
        A SAMPLES segment: C{sound} from its first packet on, gaps included; C{lead} ends where it begins.
        """
        lead = bytes([SILENCE[form.encoding]]) * (form.clock_rate - len(lead)) + lead
        stem = f"{stream_id}-{number}"
        header = header_g711(6 if form is PCMA else 7, form.clock_rate, 1, 0x7FFFF000)
        (self.directory / f"{stem}.wav.part").write_bytes(header + lead + sound)
        opened = SegmentOpened(
            "node-1", stream_id, number, epoch, ssrc, form, Layout.SAMPLES, first - form.clock_rate, first,
            sequence, arrival, "192.0.2.1:40000",
        )
        end = first + len(sound)
        lost = sum(gap.after - gap.before - 1 for gap in gaps) - len(filled)
        count = len(sound) // FRAME - lost if packets is None else packets
        events: list[segment.SegmentEvent] = [opened, *gaps, *filled]
        if checkpoint:
            least = arrival - first / form.clock_rate if transit is None else transit
            last = sequence + len(sound) // FRAME - 1
            events.append(Checkpoint(end, last, count, 1, len(filled), 0, 8.0, least))
        if closed:
            events.append(SegmentClosed("stream-closed"))
        self._record(stem, events)

    def packets(
        self, stream_id: str, number: int = 1, *, form: PayloadFormat = STRANGE, first: int = 48_000,
        count: int = 50, step: int = 960, arrival: float = STARTED + 1, closed: bool = True, ssrc: int = 7,
        epoch: int = 1,
    ) -> list[bytes]:
        """
        A PACKETS segment; returns its packets.
        """
        stem = f"{stream_id}-{number}"
        packets = [
            bytes([0x80, form.payload_type]) + (100 + i).to_bytes(2, "big")
            + (first + i * step & 0xFFFFFFFF).to_bytes(4, "big") + ssrc.to_bytes(4, "big") + noise(i, 30)
            for i in range(count)
        ]
        octets = rtpdump.file_header("192.0.2.1", 40000, arrival)
        octets += b"".join(rtpdump.record(packet, 20 * i) for i, packet in enumerate(packets))
        (self.directory / f"{stem}.rtpdump.part").write_bytes(octets)
        events: list[segment.SegmentEvent] = [
            SegmentOpened(
                "node-1", stream_id, number, epoch, ssrc, form, Layout.PACKETS, first, first, 100, arrival,
                "192.0.2.1:40000",
            )
        ]
        if closed:
            end = first + count * step
            events.append(Checkpoint(end, 99 + count, count, 0, 0, 0, 0.0, arrival - first / form.clock_rate))
            events.append(SegmentClosed("stream-closed"))
        self._record(stem, events)
        return packets

    def _record(self, stem: str, events: Sequence[segment.SegmentEvent]) -> None:
        lines = b"".join(segment.to_line(event) for event in events)
        (self.directory / f"{stem}.jsonl").write_bytes(lines)


METADATA = b"""<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <session session_id="s1"><sipSessionID>ab12;remote=cd34</sipSessionID></session>
  <participant participant_id="p1">
    <nameID aor="sip:alice@example.com"><name xml:lang="en">Alice M\xc3\xbcller</name></nameID>
  </participant>
  <participant participant_id="p2"><nameID aor="sip:bob@example.com"><name>Bob</name></nameID></participant>
  <stream stream_id="t1" session_id="s1"><label>96</label></stream>
  <stream stream_id="t2" session_id="s1"><label>97</label></stream>
  <sessionrecordingassoc session_id="s1"/>
  <participantsessionassoc participant_id="p1" session_id="s1"/>
  <participantsessionassoc participant_id="p2" session_id="s1"/>
  <participantstreamassoc participant_id="p1"><send>t1</send><recv>t2</recv></participantstreamassoc>
  <participantstreamassoc participant_id="p2"><send>t2</send><recv>t1</recv></participantstreamassoc>
</recording>
"""
