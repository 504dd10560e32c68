"""
The calls of a case placed at a real server: every message sent, every answer checked, sound sent in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field
from client_cases import Case, ScriptedMessage, Sound
from rtp_sources import Sources
from sdp_lines import Line, in_short, lines_of, origin_of
from wire import Dialog, Exchange, Wire

from siprec_tw.sip.message import Response
from siprec_tw.sip.name_addr import parse_name_addr, parse_name_addr_list
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.crypto_attribute import parse_crypto
from siprec_tw.srtp.profiles import profile_named

FIXTURE_KEY = "exampleKeyNotSecretExampleKeyNotSecretExampleKeyNotSecretEx"
EARLIEST_ANSWER = 0.004     # seconds; some clients lose a 200 that comes within a millisecond
G711 = (0, 8)


@define(eq=False)
class PlacedCall:
    """
    One dialog of a case.
    """

    dialog: Dialog = field(factory=Dialog)
    sources: Sources = field(factory=Sources)
    call_id: str = ""
    described: bytes = b""                              # the server's last description
    ports: dict[int, int] = field(factory=dict)         # of lines that are open


@define(eq=False)
class PlacedCase:
    """
    A case at a server.
    """

    case: Case
    wire: Wire
    calls: dict[str, PlacedCall] = field(factory=dict)

    def run(self) -> None:
        """
        Send every message and check every answer.
        """
        for message in self.case.messages:
            call = self.calls.setdefault(message.dialog, PlacedCall())
            octets = message.octets(self.wire.values(call.dialog))
            if message.method == "ACK":
                self.wire.send(octets)
                self._sound_after_ack(call, message)
            else:
                self._exchanged(call, message, self.wire.ask(octets))
        assert not self.wire.requests

    def _exchanged(self, call: PlacedCall, message: ScriptedMessage, exchange: Exchange) -> None:
        response, name = exchange.final, message.name
        assert response.status == message.expected["status"], (name, response)
        _check_frame(exchange)
        for field_name, value in message.expected.get("fields", {}).items():
            assert response.headers.get(field_name) == value, (name, field_name)
        if message.method == "INVITE":
            self._invited(call, exchange)
        if "offer" in message.expected or "answer" in message.expected:
            self._described(call, message, response)
        else:
            assert not response.body, name
            assert response.headers.get("Content-Type") is None, name

    def _invited(self, call: PlacedCall, exchange: Exchange) -> None:
        response, first = exchange.final, call.dialog.invite is None
        call.dialog.invite = exchange
        call.call_id = exchange.request.headers.get("Call-ID") or ""
        assert exchange.responses[0][1].status == 100
        if response.status >= 300:
            self.wire.acknowledge(exchange, "")
            return
        if first:
            assert exchange.seconds >= EARLIEST_ANSWER
        (contact,) = parse_name_addr_list(response.headers, "Contact")
        assert contact.parameter("+sip.srs") is not None
        tag = call.dialog.to_tag
        call.dialog.learn(response)
        assert first or call.dialog.to_tag == tag
        if exchange.request.body:
            self.wire.acknowledge(exchange, call.dialog.target)

    def _described(self, call: PlacedCall, message: ScriptedMessage, response: Response) -> None:
        expected = message.expected.get("answer", message.expected.get("offer"))
        assert response.headers.get_all("Content-Type") == ("application/sdp",), message.name
        lines = lines_of(response.body)
        assert [line.in_short() for line in lines] == [in_short(line) for line in expected], message.name
        ports = {index: line.port for index, line in enumerate(lines) if line.port}
        for index, port in ports.items():
            assert port % 2 == 0
            assert call.ports.get(index, port) == port, f"{message.name}: m-line {index} has another port"
        if call.described:
            before, now = origin_of(call.described), origin_of(response.body)
            assert now[0] == before[0]
            assert now[1] == before[1] + (response.body != call.described), message.name
        call.described, call.ports = response.body, ports
        if "answer" in message.expected:
            sending = {index: line for index, line in enumerate(lines) if line.direction == "recvonly"}
            self._sound(call, sending, message.sound)

    def _sound_after_ack(self, call: PlacedCall, message: ScriptedMessage) -> None:
        accepted = message.expected["accepted"]
        lines = {index: line for index, line in enumerate(lines_of(call.described)) if accepted[index]}
        self._sound(call, lines, message.sound)

    def _sound(self, call: PlacedCall, lines: dict[int, Line], sound: Sound) -> None:
        open_lines = {index: line for index, line in lines.items() if line.port}
        for index, line in open_lines.items():
            if line.crypto_suite and index not in call.sources.contexts:
                call.sources.contexts[index] = context_of(line.crypto_suite)
        if open_lines and not sound.silent:
            types = {index: sound.payloads.get(index, _g711(line)) for index, line in open_lines.items()}
            call.sources.sound({index: line.port for index, line in open_lines.items()}, types, sound)


def context_of(suite: str) -> SrtpContext:
    """
    What seals packets under the key that all fixtures have in their offers.
    """
    attribute = parse_crypto(f"1 {suite} inline:{FIXTURE_KEY}")
    profile = profile_named(suite)
    assert profile is not None
    return SrtpContext(profile, attribute.master_keys(profile))


@contextmanager
def placed(case: Case, server_port: int) -> Iterator[PlacedCase]:
    """
    A case at the server on this port, its sockets closed afterwards.
    """
    wire = Wire(server_port)
    placed_case = PlacedCase(case, wire)
    try:
        yield placed_case
    finally:
        wire.close()
        for call in placed_case.calls.values():
            call.sources.close()


def _check_frame(exchange: Exchange) -> None:
    """
    The header fields that every final response takes from its request (RFC 3261 s.8.2.6.2).
    """
    request, response = exchange.request, exchange.final
    for name in ("Call-ID", "CSeq", "From"):
        assert response.headers.get(name) == request.headers.get(name), name
    written, answered = (parse_name_addr(m.headers.get("To") or "") for m in (request, response))
    assert answered.uri == written.uri
    assert answered.tag
    assert written.tag in (None, answered.tag)


def _g711(line: Line) -> int:
    return next((int(text) for text in line.formats.split() if int(text) in G711), G711[0])
