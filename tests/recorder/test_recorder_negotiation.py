"""
Offer and answer of one call.
"""

from __future__ import annotations

import base64
from itertools import count

from recorder_fakes import EPOCH, HELD, TWO_STREAMS, FakeMediaPlane, Gates, media_line, sdp
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.errors import PeerError
from siprec_tw.recorder.keying import Keying
from siprec_tw.recorder.negotiation import Negotiation
from siprec_tw.recorder.tracks import Tracks
from siprec_tw.recording.journal import JournalEvent
from siprec_tw.sdp.description import SessionDescription
from siprec_tw.sdp.origin_sequence import OriginSequence
from siprec_tw.sdp.parser import parse_sdp


class NegotiationTests(SynchronousTestCase):
    """
    Tests for L{Negotiation}.
    """

    def setUp(self) -> None:
        self.media = FakeMediaPlane(Gates())
        self.warnings: list[str] = []
        self.reopened: list[int] = []
        self.octets = count()
        self.keying = Keying(lambda size: bytes([next(self.octets)]) * size, self.warn)
        self.tracks = Tracks(
            self.media, self.append, lambda: EPOCH, "r1", "/spool/r1", self.warn, self.keying.keys, self.keying.dtls,
            lambda report: None,
        )
        self.negotiation = Negotiation(
            self.tracks, OriginSequence(77, "192.0.2.1"), self.warn, self.keying, self.reopened.append
        )

    async def append(self, event: JournalEvent) -> None:
        """
        The journal is no concern of these tests.
        """

    def warn(self, code: str, text: str) -> None:
        self.warnings.append(code)

    def answer(self, offer: bytes) -> SessionDescription:
        made = self.successResultOf(Deferred.fromCoroutine(self.negotiation.answer(offer)))
        return parse_sdp(made).description

    def offer(self) -> SessionDescription:
        return parse_sdp(self.successResultOf(Deferred.fromCoroutine(self.negotiation.offer()))).description

    def answered(self, sdp: bytes | None) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.negotiation.answered(sdp)))

    def refusal(self, offer: bytes) -> PeerError:
        return self.failureResultOf(Deferred.fromCoroutine(self.negotiation.answer(offer)), PeerError).value

    def test_answer(self) -> None:
        """
        As many m-lines in the same order, labels and formats echoed, recvonly, our ports.
        """
        answer = self.answer(TWO_STREAMS)
        self.assertEqual([media.port for media in answer.media], [16384, 16386])
        self.assertEqual([media.label for media in answer.media], ["1", "2"])
        self.assertEqual([media.formats for media in answer.media], [("0", "8"), ("0", "8")])
        self.assertEqual([media.attributes[-1].name for media in answer.media], ["recvonly", "recvonly"])

    def test_hold_is_mirrored_and_the_version_rises(self) -> None:
        """
        inactive is answered inactive; the o= line stays but for its version, which rises where the text differs.
        """
        versions = [self.answer(offer).origin for offer in (TWO_STREAMS, TWO_STREAMS, HELD, TWO_STREAMS)]
        self.assertEqual([origin.version for origin in versions], ["0", "0", "1", "2"])
        self.assertEqual({origin.session_id for origin in versions}, {"77"})

    def test_nothing_that_can_be_recorded(self) -> None:
        """
        488, and no port is taken (RFC 3261 s.21.4.26).
        """
        error = self.refusal(sdp(media_line("1", media="video")))
        self.assertEqual((error.status, self.media.open), (488, {}))
        self.assertIn("video RTP/AVP", error.text)

    def test_no_description_at_all(self) -> None:
        """
        What is no SDP is 400.
        """
        self.assertEqual(self.refusal(b"hello").status, 400)

    def test_refused_offer_leaves_everything_as_it_was(self) -> None:
        """
        A re-INVITE that is refused changes no track (RFC 3261 s.14.2).
        """
        self.answer(TWO_STREAMS)
        self.refusal(sdp(media_line("1", media="video")))
        self.assertEqual((len(self.media.open), self.media.closed), (2, []))
        self.assertEqual(self.answer(TWO_STREAMS).origin.version, "0")

    def test_refused_lines_are_answered_and_complained_of(self) -> None:
        """
        What is not recorded has port 0 in its place.
        """
        answer = self.answer(sdp(media_line("1"), media_line("9", media="video")))
        self.assertEqual([media.port for media in answer.media], [16384, 0])
        self.assertEqual(self.warnings, ["media-refused"])

    def test_offer_to_an_invite_without_one(self) -> None:
        """
        Two audio streams with labels, recvonly, each on a port that is open already (RFC 3261 s.13.2.1).
        """
        offer = self.offer()
        found = [(media.media, media.port, media.label) for media in offer.media]
        self.assertEqual(found, [("audio", 16384, "1"), ("audio", 16386, "2")])
        self.assertTrue(self.negotiation.awaits_answer)
        self.assertTrue(self.tracks.expects_media())

    def test_answer_to_our_offer(self) -> None:
        """
        What the client does not want is closed, the rest is as it says.
        """
        self.offer()
        self.answered(sdp(media_line("1"), media_line("2", port=0)))
        self.assertEqual([track.planned.remote_port for track in self.tracks.open.values()], [40000])
        self.assertFalse(self.negotiation.awaits_answer)

    def test_answer_that_never_came(self) -> None:
        """
        An ACK without SDP: all stays as offered, and is complained of.
        """
        self.offer()
        self.answered(None)
        self.assertEqual((self.warnings, len(self.tracks.open)), (["answer-missing"], 2))
        self.assertFalse(self.negotiation.awaits_answer)

    def test_answer_that_cannot_be_read(self) -> None:
        """
        It costs nothing but itself: the streams stay open.
        """
        self.offer()
        failed = Deferred.fromCoroutine(self.negotiation.answered(b"hello"))
        self.failureResultOf(failed, PeerError)
        self.assertEqual((len(self.tracks.open), self.negotiation.awaits_answer), (2, False))

    def test_answer_without_offer_is_nothing(self) -> None:
        """
        The ACK to our answer is not looked into.
        """
        self.answer(TWO_STREAMS)
        self.answered(HELD)
        self.assertTrue(self.tracks.expects_media())

    def test_later_offer_of_ours_has_the_same_streams(self) -> None:
        """
        A re-INVITE without SDP is offered what there is, on the same ports (RFC 3261 s.14.2).
        """
        before = self.answer(TWO_STREAMS)
        self.assertEqual(self.offer(), before)

    def test_offer_after_a_hold_wants_sound_again(self) -> None:
        """
        A resume by a re-INVITE without SDP: we offer to receive, not the hold that was (RFC 6337 s.5.3).
        """
        self.answer(HELD)
        self.assertEqual([media.attributes[-1].name for media in self.offer().media], ["recvonly", "recvonly"])

    def test_offer_without_ports(self) -> None:
        """
        503, for the next server may have some.
        """
        self.media.pairs = 0
        error = self.failureResultOf(Deferred.fromCoroutine(self.negotiation.offer()), PeerError).value
        self.assertEqual(error.status, 503)

    # --- offered anew ----------------------------------------------------------------------------

    def secured(self, *keys: int, port: int = 40000) -> bytes:
        """
        A description of SRTP streams, each with a key of one octet.
        """
        lines = []
        for index, key in enumerate(keys):
            inline = base64.b64encode(bytes([key]) * 30).decode()
            crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{inline}\r\n"
            lines.append(f"m=audio {port + 2 * index} RTP/SAVP 0\r\na=label:{index}\r\n{crypto}a=sendonly\r\n")
        return sdp(*lines)

    def lose(self, index: int) -> None:
        """
        This stream is lost, and opened anew where there is a port.
        """
        self.tracks.lose((self.tracks.open[index].stream_id,))
        self.successResultOf(Deferred.fromCoroutine(self.tracks.mend()))

    def offer_anew(self) -> SessionDescription:
        return parse_sdp(self.negotiation.offer_anew()).description

    def test_offered_anew(self) -> None:
        """
        All m-lines, the new port among them; the answer makes it known and is counted.
        """
        before = self.answer(TWO_STREAMS)
        self.lose(1)
        offered = self.offer_anew()
        self.assertEqual([media.port for media in offered.media], [16384, 16388])
        self.assertEqual([media.attributes for media in offered.media], [media.attributes for media in before.media])
        self.assertTrue(self.negotiation.awaits_answer)
        self.answered(TWO_STREAMS)
        self.assertFalse(self.tracks.is_unsettled)
        self.assertEqual((self.negotiation.awaits_answer, self.reopened[-1]), (False, 1))

    def test_refused_offer_closes_nothing_for_good(self) -> None:
        """
        A line that our refused offer had closed, for want of a port, is whole in the next one.
        """
        before = self.answer(TWO_STREAMS)
        self.media.pairs = 0
        self.lose(1)
        self.assertEqual([media.port for media in self.offer_anew().media], [16384, 0])
        self.negotiation.refused()
        self.assertFalse(self.negotiation.awaits_answer)
        self.media.pairs = 20
        self.successResultOf(Deferred.fromCoroutine(self.tracks.mend()))
        offered = self.offer_anew()
        self.assertEqual([media.port for media in offered.media], [16384, 16388])
        self.assertEqual(offered.media[1].attributes, before.media[1].attributes)

    def test_refused_offer_leaves_the_keys(self) -> None:
        """
        A key that was offered in vain is never taken for the agreed one.
        """
        self.answer(self.secured(201, 202))
        self.lose(0)
        self.offer_anew()
        self.negotiation.refused()
        agreed = self.answer(self.secured(201, 202)).media[0].cryptos
        self.lose(1)
        self.assertEqual(self.offer_anew().media[0].cryptos, agreed)
        self.answered(self.secured(201, 203))
        self.assertEqual(self.answer(self.secured(201, 203)).media[0].cryptos, agreed)
        self.assertEqual(self.warnings, [])
    def test_lines_in_clear_and_secured_beside_each_other(self) -> None:
        """
        Each line is answered as it is offered: in clear, with keys of the SDP, with DTLS, and with keys though it says
        RTP in clear.
        """
        lines = [
            media_line("1"),
            secured("2", "RTP/SAVP", CRYPTO),
            secured("3", "UDP/TLS/RTP/SAVPF", FINGERPRINT, "a=setup:actpass"),
            secured("4", "RTP/AVP", CRYPTO),
        ]
        answer = self.answer(sdp(*lines))
        self.assertEqual(
            [media.protocol for media in answer.media], ["RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "RTP/AVP"]
        )
        self.assertEqual([len(media.cryptos) for media in answer.media], [0, 1, 0, 1])
        self.assertEqual([media.fingerprints for media in answer.media], [(), (), ("sha-256 AB:CD",), ()])
        self.assertEqual(answer.media[2].values("setup"), ("passive",))
        specs = list(self.media.open.values())
        self.assertEqual([spec.keys is not None for spec in specs], [False, True, False, True])
        self.assertEqual([spec.dtls is not None for spec in specs], [False, False, True, False])
        self.assertEqual([spec.plain_too for spec in specs], [False, False, False, True])
        self.assertEqual(self.warnings, [])

    def test_fingerprint_of_the_session(self) -> None:
        """
        Fingerprint and setup before the first m-line hold for those that have none (RFC 8122 s.5).
        """
        line = secured("1", "UDP/TLS/RTP/SAVP")
        offer = sdp(line).replace(b"\r\nm=", f"\r\n{FINGERPRINT}\r\na=setup:passive\r\nm=".encode(), 1)
        answer = self.answer(offer)
        self.assertEqual(answer.media[0].values("setup"), ("active",))
        spec, = self.media.open.values()
        assert spec.dtls is not None
        self.assertTrue(spec.dtls.active)

    def test_other_keys_of_the_same_kind_change_the_stream(self) -> None:
        """
        A new fingerprint is told to the stream that there is; keys from elsewhere, or none, are another stream.
        """
        self.answer(sdp(secured("1", "UDP/TLS/RTP/SAVP", FINGERPRINT)))
        other = FINGERPRINT.replace("AB", "CD")
        self.answer(sdp(secured("1", "UDP/TLS/RTP/SAVP", other)))
        self.assertEqual((len(self.media.updates), self.media.closed), (1, []))
        self.answer(sdp(secured("1", "UDP/TLS/RTP/SAVP", other)))
        self.assertEqual(len(self.media.updates), 1)
        ways = (secured("1", "RTP/SAVP", CRYPTO), secured("1", "RTP/AVP", CRYPTO), media_line("1"))
        for number, line in enumerate(ways):
            self.answer(sdp(line))
            self.assertEqual((len(self.media.closed), len(self.media.open)), (number + 1, 1))

    def test_offer_of_ours_leaves_secured_streams_as_they_are(self) -> None:
        """
        A re-INVITE without SDP: our offer repeats fingerprint and key, leaves it to the client who begins, and its
        answer closes nothing.
        """
        lines = (secured("1", "UDP/TLS/RTP/SAVP", FINGERPRINT, "a=setup:actpass"), secured("2", "RTP/SAVP", CRYPTO))
        self.answer(sdp(*lines))
        offer = self.offer()
        self.assertEqual(offer.media[0].values("setup"), ("actpass",))
        self.assertEqual(offer.media[0].fingerprints, ("sha-256 AB:CD",))
        self.answered(sdp(*lines).replace(b"actpass", b"active"))
        self.assertEqual((self.media.closed, len(self.media.open), self.warnings), ([], 2, []))

    def test_keys_that_nobody_offered_change_nothing(self) -> None:
        """
        We offer RTP in clear, and the answer brings keys along: the streams stay on their ports, and in clear.
        """
        self.offer()
        self.answered(sdp(secured("1", "RTP/AVP", CRYPTO), secured("2", "RTP/AVP", FINGERPRINT)))
        self.assertEqual((self.media.closed, len(self.media.open), self.warnings), ([], 2, []))
        self.assertEqual({(spec.keys, spec.dtls) for spec in self.media.open.values()}, {(None, None)})

    def test_answer_without_keys_leaves_those_that_hold(self) -> None:
        """
        Our later offer repeats the keys, and the answer says nothing of any, or only what cannot be used.
        """
        self.answer(sdp(secured("1", "UDP/TLS/RTP/SAVP", FINGERPRINT), secured("2", "RTP/SAVP", CRYPTO)))
        self.offer()
        self.answered(sdp(secured("1", "UDP/TLS/RTP/SAVP"), secured("2", "RTP/SAVP", "a=crypto:1 X inline:QUJD")))
        self.assertEqual((self.media.closed, len(self.media.open)), ([], 2))
        self.assertEqual(self.warnings, ["no-usable-key", "no-usable-key"])


CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "QUJD" * 10
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)


def secured(label: str, protocol: str, *lines: str) -> str:
    """
    A section of another protocol, with lines of its own.
    """
    return media_line(label).replace("RTP/AVP", protocol) + "".join(f"{line}\r\n" for line in lines)
