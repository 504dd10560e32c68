"""
Where our RTCP about one m-line goes, by its description.
"""

from __future__ import annotations

from ipaddress import ip_address

from siprec_tw.interfaces import RtcpPeer
from siprec_tw.sdp.answer import PlannedMedia

CNAME_OCTETS = 12   # RFC 7022: 96 random bits tell one from all others, and nothing of us


def rtcp_peer(media: PlannedMedia, cname: str) -> RtcpPeer | None:
    """
    The client's RTCP; None where it named none that can be sent to: a host that is held or not a plain IP address,
    a group, no port. Names are not looked up.
    """
    muxed = media.shares_port
    host = media.remote_host if muxed else media.remote_rtcp_host or media.remote_host
    port = media.remote_port if muxed else media.remote_rtcp_port
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if media.held or not port or address.is_unspecified or address.is_multicast:
        return None
    return RtcpPeer(str(address), port, muxed, cname)
