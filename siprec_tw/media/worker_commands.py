"""
What the control process and a media worker say to each other: AMP commands over the worker's standard input and
output.

  control -> worker   Begin     the first: what kind of plane
                      Open, Update, Close     one stream
                      Ping      answered, or the worker is given up
                      Finish    close everything; the worker then waits for the end of its input
  worker -> control   News      every REPORT_SECONDS: the numbers of all reports, what else changed, sums for the
                                metrics; the next only when it is answered

Values are JSON, keys of streams in them: they go nowhere but into this pipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

import cattrs
from attrs import frozen
from cattrs.preconf.json import make_converter
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.protocols.amp import AMP, MAX_VALUE_LENGTH, Argument, BinaryBoxProtocol, Command
from twisted.python.failure import Failure

from siprec_tw.errors import LocalError, PortsExhausted
from siprec_tw.interfaces import StreamAddress, StreamReport, StreamSpec
from siprec_tw.media.media_sums import Sums

REPORT_SECONDS = 2.0

Value = TypeVar("Value")
_CONVERTER = make_converter()       # octets as base85
_ERRORS: dict[type[Exception], bytes] = {   # a subclass before its own
    PortsExhausted: b"PORTS_EXHAUSTED", LocalError: b"LOCAL", ValueError: b"VALUE", OSError: b"OS",
}


@frozen
class PlaneSettings:
    """
    What a worker's L{siprec_tw.media.plane.LocalMediaPlane} is made of.
    """

    node_id: str
    host: str
    ports: tuple[int, int]
    advertise: str
    sweep_interval: float
    quarantine: float
    receive_buffer: int
    receiver: str
    resting: tuple[int, ...] = ()       # RTP ports that begin in quarantine


class Octets(Argument):
    """
    Octets of any length, in as many values as they need.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def toBox(
        self, name: bytes, strings: dict[bytes, bytes], objects: Mapping[str, object], proto: AMP
    ) -> None:
        """
        Cut a value.
        """
        octets = self.octets_of(objects[name.decode()])
        for part, start in enumerate(range(0, len(octets) or 1, MAX_VALUE_LENGTH)):
            strings[b"%s.%d" % (name, part)] = octets[start : start + MAX_VALUE_LENGTH]

    def fromBox(
        self, name: bytes, strings: Mapping[bytes, bytes], objects: dict[str, object], proto: AMP
    ) -> None:
        """
        Join it.
        """
        parts: list[bytes] = []
        while (part := strings.get(b"%s.%d" % (name, len(parts)))) is not None:
            parts.append(part)
        objects[name.decode()] = self.value_of(b"".join(parts))

    def octets_of(self, value: object) -> bytes:
        """
        A value as octets.
        """
        assert isinstance(value, bytes)
        return value

    def value_of(self, octets: bytes) -> object:
        """
        The value of such octets.
        """
        return octets


class Json(Octets, Generic[Value]):
    """
    A value of a type that cattrs knows.
    """

    def __init__(self, kind: type[Value]) -> None:
        super().__init__()
        self._kind = kind

    def octets_of(self, value: object) -> bytes:
        """
        As JSON.
        """
        return _CONVERTER.dumps(value, self._kind).encode()

    def value_of(self, octets: bytes) -> Value:
        """
        Out of JSON. Raises ValueError.
        """
        try:
            return _CONVERTER.loads(octets, self._kind)
        except (KeyError, TypeError, cattrs.BaseValidationError) as error:
            raise ValueError(f"not a {self._kind}") from error


class Begin(Command):
    """
    Make the plane and begin to receive. Answered with how ("batch" or "swept").
    """

    arguments = [(b"settings", Json(PlaneSettings))]
    response = [(b"receiver", Json(str))]
    errors: ClassVar = _ERRORS


class Open(Command):
    """
    Open a stream. Answered with its address and where its reports are found.
    """

    arguments = [(b"spec", Json(StreamSpec))]
    response = [(b"address", Json(StreamAddress)), (b"slot", Json(int)), (b"opening", Json(int))]
    errors: ClassVar = _ERRORS


class Update(Command):
    """
    A stream is so from now on.
    """

    arguments = [(b"spec", Json(StreamSpec))]
    response: ClassVar = []
    errors: ClassVar = _ERRORS


class Close(Command):
    """
    Close a stream.
    """

    arguments = [(b"stream_id", Json(str))]
    response = [(b"report", Json(StreamReport))]
    errors: ClassVar = _ERRORS


class Ping(Command):
    """
    Is anybody there?
    """

    arguments: ClassVar = []
    response: ClassVar = []


class Finish(Command):
    """
    Close all streams and receive no more.
    """

    arguments: ClassVar = []
    response = [(b"sums", Json(Sums))]
    errors: ClassVar = _ERRORS


class News(Command):
    """
    How all streams of a worker are.
    """

    arguments = [
        (b"rows", Octets()), (b"reports", Json(tuple[StreamReport, ...])), (b"sums", Json(Sums)),
    ]
    response: ClassVar = []


class QuietAmp(AMP):
    """
    AMP between two processes that log what matters of their connection themselves.
    """

    def makeConnection(self, transport: object) -> None:
        """
        Begin.
        """
        BinaryBoxProtocol.makeConnection(self, transport)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The other end is gone: what was asked fails.
        """
        BinaryBoxProtocol.connectionLost(self, reason)  # type: ignore[no-untyped-call]
        self.transport = None

    def ask(self, command: type[Command], values: Mapping[str, object]) -> Deferred[Mapping[str, object]]:
        """
        The answer to a command; fails as C{callRemote} does.
        """
        answer: Deferred[Mapping[str, object]] = self.callRemote(command, **values)  # type: ignore[no-untyped-call]
        return answer
