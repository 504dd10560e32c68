"""
What an answer says, m-line by m-line, read by other means than the server's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

DIRECTIONS = ("recvonly", "inactive", "sendonly", "sendrecv")


@define
class Line:
    """
    One m-line.
    """

    media: str
    port: int
    protocol: str
    formats: str
    attributes: list[str] = field(factory=list)

    @property
    def label(self) -> str | None:
        """
        Of a=label.
        """
        return next((a.partition(":")[2] for a in self.attributes if a.startswith("label:")), None)

    @property
    def direction(self) -> str | None:
        """
        As stated in the section itself.
        """
        return next((a for a in self.attributes if a in DIRECTIONS), None)

    @property
    def crypto_suite(self) -> str:
        """
        Of a=crypto, "" where there is none.
        """
        return next((a.split()[1] for a in self.attributes if a.startswith("crypto:")), "")

    def in_short(self) -> dict[str, Any]:
        """
        As expected.yaml has it.
        """
        short: dict[str, Any] = {"port": "open" if self.port else "closed", "formats": self.formats}
        if self.label is not None:
            short["label"] = self.label
        if self.port:
            short["direction"] = self.direction
        return short


def lines_of(sdp: bytes) -> list[Line]:
    """
    The m-lines of a description whose lines end with CRLF.
    """
    found: list[Line] = []
    for text in _texts(sdp):
        if text.startswith("m="):
            media, port, protocol, formats = text[2:].split(" ", 3)
            found.append(Line(media, int(port), protocol, formats))
        elif text.startswith("a=") and found:
            found[-1].attributes.append(text[2:])
    return found


def origin_of(sdp: bytes) -> tuple[str, int]:
    """
    The session id and the version of the o= line.
    """
    (origin,) = (text for text in _texts(sdp) if text.startswith("o="))
    fields = origin[2:].split(" ")
    return fields[1], int(fields[2])


def in_short(expected: Mapping[str, Any]) -> dict[str, Any]:
    """
    An expected line in the shape of L{Line.in_short}.
    """
    return {**expected, "formats": str(expected["formats"])}


def _texts(sdp: bytes) -> list[str]:
    assert sdp.endswith(b"\r\n"), sdp
    return sdp.decode().removesuffix("\r\n").split("\r\n")
