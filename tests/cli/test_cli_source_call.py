"""
A test call from INVITE to BYE, towards a recorder that answers from a script.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.cli.source.call_stream import StreamPlan
from siprec_tw.cli.source.campaign import Campaign, CampaignPlan
from siprec_tw.cli.source.messages import BOUNDARY, Ends
from siprec_tw.cli.source.pacer import Pacer
from siprec_tw.cli.source.parties import CallStory, Party, parse_party
from siprec_tw.cli.source.payload import CODECS
from siprec_tw.cli.source.progress import Progress, bar
from siprec_tw.cli.source.source_call import ANSWER_TIME, SourceCall
from siprec_tw.errors import PeerError
from siprec_tw.metadata.model import Metadata
from siprec_tw.metadata.reader import read_metadata
from siprec_tw.sdp.description import Direction
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sip.dialog import Dialog
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.multipart import parts
from siprec_tw.sip.reply import reply
from siprec_tw.sip.validation import validate_request

ENDS = Ends("192.0.2.1", "sip:src@192.0.2.1:5062", "sip:192.0.2.9:5060", "udp")
STORY = CallStory("session", (Party("A", "sip:a@x", "Alice"), Party("B", "sip:b@x", "Bob")), 1_795_170_865.0)
VIA = ("Via", "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1")


def payload(number: int) -> bytes:
    return number.to_bytes(160, "big")


PLANS = tuple(StreamPlan(label, CODECS["pcma"], payload) for label in ("1", "2"))


def offer_of(request: Request) -> bytes:
    found = parts(request.headers.get("Content-Type"), request.body)
    return next(part.body for part in found if part.body.startswith(b"v=0"))


def metadata_of(request: Request) -> Metadata:
    found = parts(request.headers.get("Content-Type"), request.body)
    document = next(p.body for p in found if b"<recording" in p.body)
    reading = read_metadata(document)
    assert reading.warnings == ()
    return reading.metadata


def answer(request: Request, *, ports: tuple[int, ...] = (30000, 30002, 30004)) -> bytes:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    for media, port in zip(parse_sdp(offer_of(request)).description.media, ports, strict=False):
        way = "inactive" if media.direction is Direction.INACTIVE else "recvonly"
        own = port if media.port else 0
        lines += [f"m=audio {own} RTP/AVP 8 0 101", f"a=label:{media.label}", f"a={way}"]
    return "".join(f"{line}\r\n" for line in lines).encode()


def accepted(request: Request) -> Response:
    """
    200 to anything, with an answer where there is an offer.
    """
    fields = (("Contact", "<sip:srs@192.0.2.9:5060>;+sip.srs"), ("Session-Expires", "1800;refresher=uac"))
    body = answer(request) if request.method == "INVITE" else b""
    content_type = "application/sdp" if body else None
    return reply(request, 200, to_tag="srs", fields=fields, body=body, content_type=content_type)


@define
class Recorder:
    """
    The signaling with a recorder behind it; C{script} makes the final response, None is silence.
    """

    script: Callable[[Request], Response | None] = accepted
    requests: list[Request] = field(factory=list)
    acks: list[Request] = field(factory=list)

    async def request(
        self, request: Request, dialog: Dialog | None, on_response: Callable[[Response], None] | None = None
    ) -> Response:
        with_via = request.with_headers(request.headers.prepend(*VIA))
        validate_request(with_via)
        self.requests.append(request)
        response = self.script(with_via)
        if response is None:
            return await Deferred()
        for again in (response, response) if on_response and response.status < 300 else (response,):
            if on_response is not None:
                on_response(again)
        return response

    def acknowledge(self, request: Request, dialog: Dialog) -> None:
        validate_request(request.with_headers(request.headers.prepend(*VIA)))
        self.acks.append(request)


@define
class Outlet:
    """
    Remembers where what was sent.
    """

    port: int
    target: tuple[str, int, int] | None = None
    sent: list[tuple[str, int, int] | None] = field(factory=list)
    closed: bool = False

    def aim(self, host: str, rtp_port: int, rtcp_port: int) -> None:
        self.target = (host, rtp_port, rtcp_port)

    def send_rtp(self, datagram: bytes) -> bool:
        self.sent.append(self.target)
        return True

    def send_rtcp(self, datagram: bytes) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


class CallFixture(SynchronousTestCase):
    """
    A call, its recorder and its clock.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.recorder = Recorder()
        self.outlets: list[Outlet] = []
        self.call = self.new_call()

    def new_call(self) -> SourceCall:
        return SourceCall(
            reactor=self.clock, signals=self.recorder, pacer=Pacer(self.clock, self.wall), ends=ENDS,
            story=STORY, random=Random(1), wall=self.wall, open_outlet=self.open_outlet,
        )

    def wall(self) -> float:
        return STORY.started + self.clock.seconds()

    def open_outlet(self) -> Outlet:
        self.outlets.append(Outlet(40000 + 2 * len(self.outlets)))
        return self.outlets[-1]

    def run_for(self, seconds: float) -> None:
        self.clock.pump([0.01] * round(seconds / 0.01))

    def started(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.call.start(PLANS)))


class ReofferedTests(CallFixture):
    """
    The recorder's own offer in mid-call.
    """

    def offer(self, *ports: int, payload_type: int = 8) -> bytes:
        """
        A recorder's offer of a stream on each of these ports.
        """
        lines = ["v=0", "o=- 1 2 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
        for port in ports:
            lines += [f"m=audio {port} RTP/AVP {payload_type} 0", "a=recvonly"]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def test_streams_go_where_the_recorder_says(self) -> None:
        """
        From the next packet on; the answer has our ports and directions, and no new version, as nothing changed.
        """
        self.started()
        self.run_for(0.1)
        before = parse_sdp(offer_of(self.recorder.requests[0])).description
        answer = parse_sdp(self.call.reoffered(self.offer(31000, 31002))).description
        self.run_for(0.1)
        self.assertEqual([outlet.sent[-1] for outlet in self.outlets], [
            ("192.0.2.9", 31000, 31001), ("192.0.2.9", 31002, 31003),
        ])
        self.assertEqual(answer, before)
        numbers = [packet.sequence for packet in self.call.streams[0].rtp.sent()]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_stream_that_the_recorder_closes(self) -> None:
        """
        It is not sent any more; the answer closes it too, under a new version.
        """
        self.started()
        answers = [parse_sdp(self.call.reoffered(self.offer(31000, 0))).description for _ in range(2)]
        self.assertEqual([media.port for media in answers[0].media], [40000, 0])
        self.assertEqual([each.origin.version for each in answers], ["2", "2"])
        count = len(self.outlets[1].sent)
        self.run_for(0.1)
        self.assertEqual(len(self.outlets[1].sent), count)
        self.assertEqual(self.outlets[0].sent[-1], ("192.0.2.9", 31000, 31001))

    def test_offers_that_do_not_fit(self) -> None:
        """
        Too few lines, another codec, no SDP, nothing open: refused, and all goes on as it was.
        """
        self.started()
        for sdp, status in (
            (self.offer(31000), 400), (self.offer(31000, 31002, payload_type=9), 400), (b"hello", 400),
            (self.offer(0, 0), 488),
        ):
            with self.assertRaises(PeerError) as caught:
                self.call.reoffered(sdp)
            self.assertEqual(caught.exception.status, status)
        self.run_for(0.1)
        self.assertEqual(self.outlets[0].sent[-1], ("192.0.2.9", 30000, 30001))

    def test_offer_that_crosses_ours(self) -> None:
        """
        491 while a re-INVITE of ours is unanswered (RFC 3261 s.14.2).
        """
        self.started()
        self.recorder.script = lambda request: None
        Deferred.fromCoroutine(self.call.reinvite())
        with self.assertRaises(PeerError) as caught:
            self.call.reoffered(self.offer(31000, 31002))
        self.assertEqual(caught.exception.status, 491)


class CallTests(CallFixture):
    """
    One call.
    """

    def test_invite(self) -> None:
        """
        The INVITE is a SIPREC one: two sendonly streams with labels, metadata of two participants.
        """
        self.started()
        invite = self.recorder.requests[0]
        self.assertEqual((invite.method, invite.uri), ("INVITE", ENDS.target))
        self.assertEqual(invite.headers.get("Require"), "siprec")
        self.assertIn("+sip.src", invite.headers.get("Contact") or "")
        self.assertEqual(invite.headers.get("Content-Type"), f"multipart/mixed;boundary={BOUNDARY}")
        media = parse_sdp(offer_of(invite)).description.media
        self.assertEqual([(m.label, m.port, m.direction) for m in media], [
            ("1", 40000, Direction.SENDONLY), ("2", 40002, Direction.SENDONLY),
        ])
        encodings = [f.encoding for f in media[0].payload_formats()]
        self.assertEqual(encodings, ["PCMA", "PCMU", "TELEPHONE-EVENT"])
        told = metadata_of(invite)
        self.assertEqual([p.name_ids[0].name for p in told.participants], ["Alice", "Bob"])
        self.assertEqual([s.label for s in told.streams], ["1", "2"])
        first, second = (s.id for s in told.streams)
        self.assertEqual([(p.sends, p.receives) for p in told.participant_streams], [
            ((first,), (second,)), ((second,), (first,)),
        ])

    def test_every_2xx_is_acknowledged(self) -> None:
        """
        Each copy of the 200 gets an ACK in the dialog, with the INVITE's CSeq number.
        """
        self.started()
        self.assertEqual(len(self.recorder.acks), 2)
        ack = self.recorder.acks[0]
        self.assertEqual((ack.uri, ack.headers.get("CSeq")), ("sip:srs@192.0.2.9:5060", "1 ACK"))
        self.assertTrue((ack.headers.get("To") or "").endswith(";tag=srs"))

    def test_audio_goes_where_the_answer_says(self) -> None:
        """
        Every stream is sent to its own place, from the answer on.
        """
        self.started()
        self.run_for(1.0)
        self.assertEqual(set(self.outlets[0].sent), {("192.0.2.9", 30000, 30001)})
        self.assertEqual(set(self.outlets[1].sent), {("192.0.2.9", 30002, 30003)})
        self.assertEqual(len(self.outlets[0].sent), 51)

    def test_end(self) -> None:
        """
        BYE carries the final metadata; after it nothing is sent, armed or open.
        """
        self.started()
        self.run_for(2.0)
        self.successResultOf(Deferred.fromCoroutine(self.call.end()))
        bye = self.recorder.requests[-1]
        self.assertEqual((bye.method, bye.headers.get("CSeq")), ("BYE", "2 BYE"))
        told = metadata_of(bye)
        self.assertEqual({p.disassociate_time for p in told.participant_sessions}, {STORY.started + 2})
        self.assertEqual(self.successResultOf(self.call.over), "ended")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(all(outlet.closed for outlet in self.outlets))
        self.successResultOf(Deferred.fromCoroutine(self.call.end()))
        self.assertEqual(len(self.recorder.requests), 2)

    def test_refusal(self) -> None:
        """
        A refused call raises with the status, and leaves nothing open.
        """
        self.recorder.script = lambda request: reply(request, 503, to_tag="x")
        failure = self.failureResultOf(Deferred.fromCoroutine(self.call.start(PLANS)), PeerError)
        self.assertEqual(failure.value.status, 503)
        self.assertEqual(failure.value.text, "the recorder answered 503 Service Unavailable")
        self.assertTrue(self.call.heard)
        self.assertTrue(all(outlet.closed for outlet in self.outlets))
        self.assertEqual(self.recorder.acks, [])

    def test_silence(self) -> None:
        """
        A recorder that never answers is given up.
        """
        self.recorder.script = lambda request: None
        starting = Deferred.fromCoroutine(self.call.start(PLANS))
        self.assertNoResult(starting)
        self.clock.advance(ANSWER_TIME + 1)
        error = self.failureResultOf(starting, PeerError).value
        self.assertEqual((error.status, error.text), (408, "no final answer within 40 s"))
        self.assertFalse(self.call.heard)

    def test_refusal_with_a_warning(self) -> None:
        """
        The Warning of a refusal says why, and is told (RFC 3261 s.20.43).
        """
        warning = ("Warning", '399 srs "no m= line"')
        self.recorder.script = lambda request: reply(request, 488, to_tag="x", fields=(warning,))
        failure = self.failureResultOf(Deferred.fromCoroutine(self.call.start(PLANS)), PeerError)
        self.assertEqual(
            failure.value.text, 'the recorder answered 488 Not Acceptable Here (399 srs "no m= line")'
        )

    def test_useless_answer(self) -> None:
        """
        A call whose answer takes none of the streams, or too few m= lines, is ended with BYE.
        """
        for body in (b"v=0\r\n", None):
            self.recorder.requests.clear()
            self.call = self.new_call()

            def script(request: Request, body: bytes | None = body) -> Response:
                if request.method != "INVITE":
                    return reply(request, 200)
                chosen = answer(request, ports=(0, 0)) if body is None else body
                return reply(request, 200, to_tag="x", body=chosen)

            self.recorder.script = script
            self.failureResultOf(Deferred.fromCoroutine(self.call.start(PLANS)), PeerError)
            self.assertEqual([r.method for r in self.recorder.requests], ["INVITE", "BYE"])

    def test_hold_and_resume(self) -> None:
        """
        On hold the streams are inactive and silent; afterwards the timestamps have gone on.
        """
        self.started()
        self.run_for(1.0)
        self.successResultOf(Deferred.fromCoroutine(self.call.hold()))
        held = len(self.outlets[0].sent)
        self.run_for(1.0)
        self.assertEqual(len(self.outlets[0].sent), held)
        media = parse_sdp(offer_of(self.recorder.requests[-1])).description.media
        self.assertEqual({m.direction for m in media}, {Direction.INACTIVE})
        self.assertTrue(all(p.is_hold for p in metadata_of(self.recorder.requests[-1]).participant_streams))
        self.successResultOf(Deferred.fromCoroutine(self.call.resume()))
        self.run_for(1.0)
        sent = list(self.call.streams[0].rtp.sent())
        expected = [(sent[0].sequence + n) % 2**16 for n in range(len(sent))]
        self.assertEqual([p.sequence for p in sent], expected)
        self.assertApproximates(sent[-1].number, 150, 1)
        versions = [parse_sdp(offer_of(r)).description.origin for r in self.recorder.requests]
        self.assertEqual([origin.version for origin in versions if origin], ["1", "2", "3"])
        numbers = [r.headers.get("CSeq") for r in self.recorder.acks[::2]]
        self.assertEqual(numbers, ["1 ACK", "2 ACK", "3 ACK"])

    def test_streams_come_and_go(self) -> None:
        """
        A stream is added by a third m= line, and removed by port 0 in its place.
        """
        self.started()
        plan = StreamPlan("3", CODECS["pcma"], payload)
        self.successResultOf(Deferred.fromCoroutine(self.call.add_stream(plan)))
        self.run_for(0.5)
        self.assertEqual(set(self.outlets[2].sent), {("192.0.2.9", 30004, 30005)})
        self.successResultOf(Deferred.fromCoroutine(self.call.remove_stream("1")))
        media = parse_sdp(offer_of(self.recorder.requests[-1])).description.media
        self.assertEqual([m.port for m in media], [0, 40002, 40004])
        self.assertEqual([s.label for s in metadata_of(self.recorder.requests[-1]).streams], ["2", "3"])
        sent = [len(outlet.sent) for outlet in self.outlets]
        self.run_for(0.5)
        self.assertEqual(len(self.outlets[0].sent), sent[0])
        self.assertGreater(len(self.outlets[1].sent), sent[1])

    def test_update(self) -> None:
        """
        An UPDATE has metadata as its whole body, or none when it only refreshes the session.
        """
        self.started()
        self.successResultOf(Deferred.fromCoroutine(self.call.update(self.call.metadata())))
        update = self.recorder.requests[-1]
        self.assertEqual(update.headers.get("Content-Type"), "application/rs-metadata+xml")
        self.assertEqual(update.headers.get("Content-Disposition"), "recording-session")
        self.assertEqual(metadata_of(update), self.call.metadata())

    def test_session_is_refreshed(self) -> None:
        """
        At half the interval a bodiless UPDATE goes out, again and again (RFC 4028 s.7.2).
        """
        self.started()
        for stream in self.call.streams:
            self.call.pacer.remove(stream.rtp)
        for expected in (1, 2):
            self.clock.advance(900)
            updates = [r for r in self.recorder.requests if r.method == "UPDATE"]
            self.assertEqual((len(updates), updates[-1].body), (expected, b""))
            self.assertEqual(updates[-1].headers.get("Session-Expires"), "1800;refresher=uac")

    def test_bye_of_the_recorder(self) -> None:
        """
        When the recorder ends the call, all stops.
        """
        self.started()
        self.call.ended_by_peer()
        self.assertEqual(self.successResultOf(self.call.over), "ended by the recorder")
        self.assertEqual(self.clock.getDelayedCalls(), [])


class CampaignTests(CallFixture):
    """
    Many calls.
    """

    def campaign(self, calls: int = 3) -> Campaign:
        return Campaign(self.clock, CampaignPlan(calls, 2.0, 5.0, PLANS), self.new_call)

    def test_calls_begin_at_the_rate(self) -> None:
        """
        Calls begin at their rate, last so long, and their outcomes are told.
        """
        campaign = self.campaign()
        running = Deferred.fromCoroutine(campaign.run())
        self.run_for(0.2)
        self.assertEqual(len(campaign.up), 1)
        self.run_for(1.0)
        self.assertEqual(len(campaign.up), 3)
        self.run_for(5.0)
        outcomes = self.successResultOf(running)
        self.assertEqual([outcome.error for outcome in outcomes], ["", "", ""])
        self.assertTrue(all(500 <= outcome.packets <= 504 for outcome in outcomes))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failures_are_outcomes(self) -> None:
        """
        A refused call, one whose BYE is refused, and one that the recorder ends are told as such.
        """
        statuses = iter([486])
        self.recorder.script = lambda request: (
            reply(request, next(statuses, 200)) if request.method == "BYE" else accepted(request)
        )
        campaign = self.campaign(2)
        running = Deferred.fromCoroutine(campaign.run())
        self.run_for(2.0)
        list(campaign.up)[1].ended_by_peer()
        self.run_for(5.0)
        errors = [outcome.error for outcome in self.successResultOf(running)]
        self.assertEqual(errors, ["ended by the recorder", "BYE: the recorder answered 486 Busy Here"])

    def test_stop(self) -> None:
        """
        A stop ends the calls that are up and begins no more.
        """
        campaign = self.campaign(10)
        running = Deferred.fromCoroutine(campaign.run())
        self.run_for(1.2)
        campaign.stop()
        self.assertEqual(len(self.successResultOf(running)), 3)
        self.assertEqual([r.method for r in self.recorder.requests].count("BYE"), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_progress(self) -> None:
        """
        The line tells how far it is; on what is no terminal nothing is drawn.
        """
        class Terminal:
            text = ""

            def isatty(self) -> bool:
                return True

            def write(self, text: str) -> None:
                self.text += text

            def flush(self) -> None:
                pass

        terminal = Terminal()
        campaign = self.campaign()
        progress = Progress(self.clock, terminal, campaign)  # type: ignore[arg-type]
        running = Deferred.fromCoroutine(campaign.run())
        progress.start()
        self.run_for(3.0)
        self.assertEqual(
            progress.line().rpartition("  ")[0], f"{bar(0.5)} 0:03/0:06  3 up, 0 of 3 over",
        )
        self.run_for(3.5)
        progress.stop()
        self.successResultOf(running)
        self.assertTrue(terminal.text.endswith("\r\x1b[K"))
        self.assertEqual([bar(x, 4) for x in (-1, 0, 0.5, 2)], ["[----]", "[----]", "[##--]", "[####]"])


class PartyTests(SynchronousTestCase):
    """
    Parties on the command line.
    """

    def test_parse_party(self) -> None:
        """
        A bare URI, or a name before one in brackets.
        """
        self.assertEqual(parse_party("sip:a@x"), ("sip:a@x", ""))
        self.assertEqual(parse_party('"Al Ice" <tel:+15551234>'), ("tel:+15551234", "Al Ice"))
        self.assertEqual(parse_party("Alice <sip:a@x>"), ("sip:a@x", "Alice"))
        for text in ("alice", "<alice>", "sip:a b"):
            self.assertRaises(ValueError, parse_party, text)
