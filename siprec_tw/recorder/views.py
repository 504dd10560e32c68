"""
A running call as the HTTP face shows it.
"""

from __future__ import annotations

from siprec_tw.interfaces import CallView, TrackView
from siprec_tw.recorder.call import Call
from siprec_tw.recorder.tracks import direction


def call_view(call: Call) -> CallView:
    """
    What is known of a call now.
    """
    dialog, senders = call.leg.dialog, call.documents.senders()
    tracks = tuple(
        TrackView(
            index=index,
            label=track.planned.label,
            media=track.planned.media,
            direction=direction(track.planned).value,
            encodings=tuple(each.encoding for each in track.planned.formats),
            address=f"{track.address.host}:{track.address.rtp_port}",
            parties=senders.get(track.planned.label, ()),
            report=call.surroundings.media.report(track.stream_id),
            silent_since=track.hearing.silent_since,
            one_way=track.hearing.one_way,
        )
        for index, track in sorted(call.tracks.open.items())
    )
    return CallView(
        recording_id=call.recording_id,
        call_id=dialog.call_id,
        node_id=call.surroundings.node_id,
        state=call.state,
        started=call.begun.at,
        answered=call.answered,
        from_uri=dialog.remote_uri,
        to_uri=dialog.local_uri,
        source=call.begun.source,
        user_agent=call.begun.user_agent,
        parties=call.documents.parties(),
        tracks=tracks,
        warnings=call.warnings,
    )
