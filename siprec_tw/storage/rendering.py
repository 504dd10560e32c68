"""
The files of a recording out of its plan: each track's own, and recording.wav with all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from attrs import define, field

from siprec_tw.codecs.decoder import CODEC_NOT_DECODED
from siprec_tw.codecs.registry import codec_of
from siprec_tw.recording import rtpdump
from siprec_tw.recording.assemble import Pcm, interleaved, octets, pcm
from siprec_tw.recording.composition import MadeTrack
from siprec_tw.recording.layout import MIX
from siprec_tw.recording.manifest import FileEntry
from siprec_tw.recording.occurrences import encoding_text
from siprec_tw.recording.plan import Plan, TrackPlan
from siprec_tw.recording.sound import Sound
from siprec_tw.recording.tones import Tones, spared
from siprec_tw.recording.wav import header_g711, header_pcm16, padding
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.packet_sources import TELEPHONE_EVENT
from siprec_tw.storage.spooled import OpenFiles, Spooled

MOST_SILENT = 8     # the sample of A-law's silent octets; mu-law's are 0


@define
class Rendering:
    """
    Writes the files of one recording beside its segments. Raises OSError where they cannot be written.
    """

    _spooled: Spooled = field(alias="spooled")
    _plan: Plan = field(alias="plan")
    _files: OpenFiles = field(alias="files")
    _disk: Disk = field(alias="disk")
    entries: list[FileEntry] = field(factory=list)
    tracks: dict[int, MadeTrack] = field(factory=dict)
    _peaks: dict[int, int] = field(factory=dict)

    def render(self) -> None:
        """
        Write all files. Those that a former attempt has left are written anew, to the same octets.
        """
        if self._plan.channels:
            self._write(MIX, self._mix())
        for track in self._plan.tracks:
            names = tuple(self._own_files(track))
            peak = self._peaks.get(track.facts.index)
            self.tracks[track.facts.index] = MadeTrack(names, peak)
            if peak is not None and peak <= MOST_SILENT:
                self._warn_of_silence(track, peak)

    def _own_files(self, track: TrackPlan) -> Iterator[str]:
        if track.own:
            yield self._write(f"track-{track.name}.wav", self._own_sound(track))
        if track.packets_kept:
            self._warn_of_packets(track)
            kept = [pair for pair in track.sounds if pair[0] in track.packets_kept]
            yield self._write(f"track-{track.name}.rtpdump", self._packets(kept, track))
        sides = [pair for pair in track.sides if self._plan.tones is not Tones.DROP or not _is_events(pair[1])]
        if sides:
            yield self._write(f"track-{track.name}.events.rtpdump", self._packets(sides))

    def _write(self, name: str, blocks: Iterable[bytes]) -> str:
        self.entries.append(self._disk.write(self._spooled.directory / name, blocks))
        return name

    def _own_sound(self, track: TrackPlan) -> Iterator[bytes]:
        if track.law is None:
            yield header_pcm16(track.rate, 1, 2 * track.samples)
            yield from interleaved([pcm(track.own, track.samples, track.rate, self._files.sound)])
            return
        codec, channels = codec_of(track.law), track.law.channels
        assert codec.wav_format_tag is not None
        size = track.samples * channels
        yield header_g711(codec.wav_format_tag, track.rate, channels, size)
        yield from octets(track.own, track.samples, codec.silence, self._files.sound)
        yield padding(size)

    def _mix(self) -> Iterator[bytes]:
        plan = self._plan
        yield header_pcm16(plan.rate, len(plan.channels), 2 * len(plan.channels) * plan.samples)
        yield from interleaved([self._channel(track) for track in plan.channels])

    def _channel(self, track: TrackPlan) -> Iterator[Pcm]:
        peak = 0
        for block in pcm(track.mixed, self._plan.samples, self._plan.rate, self._files.sound):
            peak = max(peak, int(np.abs(block.astype(np.int32)).max(initial=0)))
            yield block
        if track.mixed:
            self._peaks[track.facts.index] = peak

    def _packets(self, kept: Sequence[tuple[int, Sound]], track: TrackPlan | None = None) -> Iterator[bytes]:
        """
        The dumps of all segments as one, with offsets from the start of the first; those of a track less
        what must not be heard.
        """
        opened = [sound.segment.opened for _, sound in kept]
        host, _, port = opened[0].source.rpartition(":")
        start = min(one.arrival for one in opened)
        yield rtpdump.file_header(host.strip("[]"), int(port) if port.isdigit() else 0, start)
        for (source, sound), one in zip(kept, opened, strict=True):
            read = self._files.dump(source)
            own_start = rtpdump.start_time(read)
            shift = round(((one.arrival if own_start is None else own_start) - start) * 1000)
            packets = rtpdump.records(read)
            if track is not None:
                packets = spared(sound, packets, self._plan.own_time, track.silenced, track.rate)
            for each in packets:
                yield rtpdump.record(each.packet, max(0, each.offset_ms + shift), rtcp=each.rtcp)

    def _warn_of_packets(self, track: TrackPlan) -> None:
        """
        Say of each encoding that was not decoded why, and that its packets are there.
        """
        for source, sound in track.sounds:
            failure = self._spooled.sources[source].failure
            if failure is None or source not in track.packets_kept:
                continue
            if failure.code != CODEC_NOT_DECODED and self._plan.tones is Tones.KEEP:
                kept = "its packets are kept, to be decoded later"
                self._spooled.warn(failure.code, f"track {track.name}: {failure.text}; {kept}")
                continue
            name = encoding_text(sound.segment.opened.format)
            reason = failure.text.partition(": ")[2]
            text = f"track {track.name}: {name} is not decoded" + (f": {reason}" if reason else "")
            self._spooled.warn(CODEC_NOT_DECODED, f"{text}; its packets are in the .rtpdump file")

    def _warn_of_silence(self, track: TrackPlan, peak: int) -> None:
        """
        Say that packets came and nothing is heard, where all of them could be read and decoded.
        """
        undecoded = any(self._spooled.sources[source].failure is not None for source, _ in track.sounds)
        if not undecoded and not self._files.failed:
            text = f"track {track.name}: packets came, and all of their sound is silence (highest sample {peak})"
            self._spooled.warn("track-without-sound", text)


def _is_events(sound: Sound) -> bool:
    return sound.segment.opened.format.encoding.upper() == TELEPHONE_EVENT
