"""
Content-Type and its kin (RFC 3261 s.20.15): a media type with parameters.
"""

from __future__ import annotations

import re

from attrs import frozen

from siprec_tw.errors import PeerError
from siprec_tw.sip.parameters import Parameters, parameter, parse_parameters, write_parameters

_MEDIA_TYPE = re.compile(r"([^\s/;,]+)\s*/\s*([^\s/;,]+)\s*(?:[;,](.*))?", re.DOTALL)


@frozen
class MediaType:
    """
    A media type; type and subtype are in lower case.
    """

    type: str
    subtype: str
    parameters: Parameters = ()

    @property
    def essence(self) -> str:
        """
        Type and subtype alone: "application/sdp".
        """
        return f"{self.type}/{self.subtype}"

    def parameter(self, name: str) -> str | None:
        """
        A parameter's value without quotes, "" for one that has none, None where it is absent.
        """
        return parameter(self.parameters, name)

    def __str__(self) -> str:
        return f"{self.essence}{write_parameters(self.parameters)}"


def parse_media_type(text: str) -> MediaType:
    """
    A media type, whatever the spacing. Raises PeerError(400).
    """
    match = _MEDIA_TYPE.fullmatch(text.strip())
    if match is None:
        raise PeerError(f"media type is {text[:80]!r}, wanted type/subtype")
    kind, subtype, parameters = match.groups()
    return MediaType(kind.lower(), subtype.lower(), parse_parameters(parameters or ""))
