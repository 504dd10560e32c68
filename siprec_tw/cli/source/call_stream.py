"""
The streams of a call: what is planned, and what has become of it.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, frozen

from siprec_tw.cli.source.payload import Codec, PacketSource
from siprec_tw.cli.source.rtp_stream import Outlet, RtpStream


class AimedOutlet(Outlet, Protocol):
    """
    An outlet with a port of its own, which sends where it is aimed.
    """

    @property
    def port(self) -> int:
        """
        The RTP port.
        """

    def aim(self, host: str, rtp_port: int, rtcp_port: int) -> None:
        """
        Send there from now on.
        """

    def close(self) -> None:
        """
        Give the ports back.
        """


@frozen
class StreamPlan:
    """
    A stream to be sent.
    """

    label: str
    codec: Codec
    source: PacketSource


@define(eq=False)
class CallStream:
    """
    A stream of a call.
    """

    plan: StreamPlan
    stream_id: str
    outlet: AimedOutlet
    rtp: RtpStream
    removed: bool = False       # its m= line stays, with port 0 (RFC 3264 s.8.2)
    accepted: bool = False      # the recorder takes it
