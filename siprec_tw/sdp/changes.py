"""
What a later offer changes (RFC 3264 s.8), m-line by m-line: plans are compared, o= versions never are.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.sdp.answer import PlannedMedia
from siprec_tw.sdp.description import Direction


@frozen
class StreamAdded:
    """
    An m-line is recorded from now on: it is new, or its slot was closed or held other media before.
    """

    index: int
    media: PlannedMedia


@frozen
class StreamRemoved:
    """
    An m-line that was recorded is no longer.
    """

    index: int
    media: PlannedMedia         # as it was


@frozen
class LabelChanged:
    """
    The same m-line goes by another label.
    """

    index: int
    before: str
    after: str


@frozen
class DirectionChanged:
    """
    Our direction turned: INACTIVE is a pause, RECVONLY its end.
    """

    index: int
    before: Direction
    after: Direction


@frozen
class HoldChanged:
    """
    A hold by the address 0.0.0.0 began or ended.
    """

    index: int
    held: bool


@frozen
class FormatsChanged:
    """
    Payload types came, went, changed their order, their meaning or their parameters.
    """

    index: int
    before: tuple[PayloadFormat, ...]
    after: tuple[PayloadFormat, ...]


@frozen
class ProtocolChanged:
    """
    Another transport protocol: RTP/AVP became RTP/AVPF or the like.
    """

    index: int
    before: str
    after: str


@frozen
class RemoteChanged:
    """
    The peer names other addresses: host, RTP port, RTCP port or rtcp-mux differ.
    """

    index: int
    before: PlannedMedia
    after: PlannedMedia


Change = (
    StreamAdded | StreamRemoved | LabelChanged | DirectionChanged | HoldChanged
    | FormatsChanged | ProtocolChanged | RemoteChanged
)


def changes(before: Sequence[PlannedMedia], after: Sequence[PlannedMedia]) -> tuple[Change, ...]:
    """
    The changes from one plan to the next, in the order of the m-lines; empty where no recorded one changes.
    """
    found: list[Change] = []
    for index in range(max(len(before), len(after))):
        old = _recorded(before, index)
        new = _recorded(after, index)
        if old and new and old.media == new.media:
            found.extend(_differences(old, new))
            continue
        if old:
            found.append(StreamRemoved(index, old))
        if new:
            found.append(StreamAdded(index, new))
    return tuple(found)


def _recorded(planned: Sequence[PlannedMedia], index: int) -> PlannedMedia | None:
    return planned[index] if index < len(planned) and planned[index].accepted else None


def _differences(old: PlannedMedia, new: PlannedMedia) -> list[Change]:
    index = new.index
    found: list[Change] = []
    if old.label != new.label:
        found.append(LabelChanged(index, old.label, new.label))
    if old.direction is not new.direction:
        found.append(DirectionChanged(index, old.direction, new.direction))
    if old.held is not new.held:
        found.append(HoldChanged(index, new.held))
    if old.formats != new.formats:
        found.append(FormatsChanged(index, old.formats, new.formats))
    if old.protocol != new.protocol:
        found.append(ProtocolChanged(index, old.protocol, new.protocol))
    if _remote(old) != _remote(new):
        found.append(RemoteChanged(index, old, new))
    return found


def _remote(media: PlannedMedia) -> tuple[str, int, str, int, bool]:
    return (
        media.remote_host, media.remote_port, media.remote_rtcp_host, media.remote_rtcp_port, media.rtcp_mux
    )
