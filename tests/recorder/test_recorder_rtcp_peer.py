"""
Where our RTCP goes.
"""

from __future__ import annotations

import pytest

from siprec_tw.interfaces import RtcpPeer
from siprec_tw.recorder.rtcp_peer import rtcp_peer
from siprec_tw.sdp.answer import PlannedMedia, plan
from siprec_tw.sdp.parser import parse_sdp


def planned(connection: str, *lines: str, formats: str = "0") -> PlannedMedia:
    text = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", *([connection] if connection else []), "t=0 0"]
    text += [f"m=audio 4000 RTP/AVP {formats}", *lines, ""]
    media, = plan(parse_sdp("\r\n".join(text).encode()).description)
    return media


HERE = "c=IN IP4 192.0.2.9"


@pytest.mark.parametrize(("media", "host", "port", "muxed"), [
    pytest.param(planned(HERE), "192.0.2.9", 4001, False, id="the next port"),
    pytest.param(planned(HERE, "a=rtcp:4077"), "192.0.2.9", 4077, False, id="a=rtcp"),
    pytest.param(
        planned(HERE, "a=rtcp:53020 IN IP4 126.16.64.4"), "126.16.64.4", 53020, False, id="RFC 3605: another host",
    ),
    pytest.param(planned(HERE, "a=rtcp-mux"), "192.0.2.9", 4000, True, id="rtcp-mux"),
    pytest.param(planned(HERE, "a=rtcp:4077", "a=rtcp-mux"), "192.0.2.9", 4000, True, id="rtcp-mux is stronger"),
    pytest.param(planned(HERE, "a=rtcp-mux", formats="0 72"), "192.0.2.9", 4001, False, id="72 excludes it"),
    pytest.param(planned("c=IN IP6 2001:DB8:0::9"), "2001:db8::9", 4001, False, id="IPv6"),
])
def test_peer(media: PlannedMedia, host: str, port: int, muxed: bool) -> None:
    """
    The address is what the description says of RTCP.
    """
    assert rtcp_peer(media, "name") == RtcpPeer(host, port, muxed, "name")


@pytest.mark.parametrize("media", [
    pytest.param(planned("c=IN IP4 0.0.0.0"), id="held"),
    pytest.param(planned("c=IN IP4 0.0.0.0", "a=rtcp:4077 IN IP4 192.0.2.9"), id="held, with RTCP"),
    pytest.param(planned("c=IN IP6 ::"), id="held by IPv6"),
    pytest.param(planned(""), id="no address"),
    pytest.param(planned("c=IN IP4 src.example.com"), id="a name"),
    pytest.param(planned(HERE, "a=rtcp:4077 IN IP4 src.example.com"), id="a name for RTCP"),
    pytest.param(planned(HERE, "a=rtcp:4077 IN IP4 0.0.0.0"), id="null for RTCP"),
    pytest.param(planned("c=IN IP4 224.2.1.1/127"), id="a group"),
    pytest.param(planned("c=IN IP6 ff15::101"), id="a group of IPv6"),
])
def test_nobody(media: PlannedMedia) -> None:
    """
    Where there is no IP address to send to, nothing is sent.
    """
    assert rtcp_peer(media, "name") is None
