"""
Peers, as they are written and read.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.signaling.peer import Peer, parse_peer


@pytest.mark.parametrize(("text", "peer"), [
    ("udp:1.2.3.4:5060", Peer("udp", "1.2.3.4", 5060)),
    ("tcp:[2001:db8::1]:65535", Peer("tcp", "2001:db8::1", 65535)),
])
def test_peer_is_written_and_read(text: str, peer: Peer) -> None:
    """
    A peer is read back from what it is written as; IPv6 addresses stand in brackets.
    """
    assert str(peer) == text
    assert parse_peer(text) == peer
    assert peer.reliable is (peer.transport == "tcp")


@pytest.mark.parametrize("text", [
    "", "udp", "udp:1.2.3.4", "sctp:1.2.3.4:5060", "udp:host:5060", "udp:1.2.3.4:x", "udp:1.2.3.4:65536",
])
def test_anything_else_is_no_peer(text: str) -> None:
    """
    Names, unknown transports and ports out of range are refused.
    """
    with pytest.raises(PeerError):
        parse_peer(text)
