"""
C{/api/v1/calls}.
"""

from __future__ import annotations

from admin_fakes import Admin
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase


class CallTests(SynchronousTestCase):
    """
    What is told of running calls.
    """

    def setUp(self) -> None:
        self.admin = Admin()

    def test_list(self) -> None:
        """
        All running calls are listed and counted.
        """
        answer = self.admin.get("/api/v1/calls")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(answer.value["total"], 1)
        self.assertEqual([call["recording_id"] for call in answer.value["calls"]], ["rec-7"])

    def test_one_call(self) -> None:
        """
        A call is told with its parties, its tracks, what they received, and its warnings.
        """
        self.assertEqual(self.admin.get("/api/v1/calls/rec-7").value, {
            "recording_id": "rec-7",
            "call_id": "B2B.1.2.3",
            "node_id": "node-1",
            "state": "confirmed",
            "started": "2026-11-20T09:26:37.250Z",
            "answered": "2026-11-20T09:26:37.260Z",
            "from_uri": "sip:src@192.0.2.1",
            "to_uri": "sip:srs@192.0.2.9",
            "source": "udp:192.0.2.1:5060",
            "user_agent": "OpenSIPS",
            "parties": [
                {"participant_id": "p-1", "aor": "sip:alice@example.com", "name": "Alice"},
                {"participant_id": "p-2", "aor": "sip:bob@example.com", "name": "Bøb"},
            ],
            "tracks": [
                {
                    "index": 0, "label": "1", "media": "audio", "direction": "recvonly",
                    "encodings": ["PCMU"], "address": "192.0.2.9:16384",
                    "parties": [{"participant_id": "p-1", "aor": "sip:alice@example.com", "name": "Alice"}],
                    "reception": {
                        "packets": 50, "octets": 8000, "lost": 0, "duplicates": 0, "reordered": 0,
                        "rejected": 0, "jitter": 0.0, "first_arrival": "2026-11-20T09:26:38.000Z",
                        "last_arrival": None, "encoding": "", "ssrc": 7, "source": "",
                        "warnings": [{"code": "two-sources-at-once", "text": "two"}],
                        "quality": {
                            "loss_rate": 0.02, "longest_loss": 1, "bursts": 1, "burst_density": 0.5,
                            "burst_duration": 0.04, "gap_density": 0.0, "gap_duration": 0.49, "jitter": 0.001,
                            "r_factor": 80.1, "mos": 4.03,
                        },
                    },
                    "silent_since": None, "one_way": False,
                },
                {
                    "index": 1, "label": "2", "media": "audio", "direction": "inactive", "encodings": [],
                    "address": "192.0.2.9:16386", "parties": [], "reception": None,
                    "silent_since": "2026-11-20T09:26:37.260Z", "one_way": True,
                },
            ],
            "warnings": [{"code": "metadata-not-well-formed", "text": "line 3"}],
        })

    def test_no_such_call(self) -> None:
        """
        A call that is over, or never was, is 404.
        """
        answer = self.admin.get("/api/v1/calls/rec-8")
        self.assertEqual((answer.status, answer.message), (404, "There is no running call 'rec-8'"))

    def test_end_a_call(self) -> None:
        """
        DELETE ends a call and is answered 202.
        """
        answer = self.admin.ask("DELETE", "/api/v1/calls/rec-7")
        self.assertEqual(answer.status, 202)
        self.assertEqual(answer.value, {"recording_id": "rec-7", "state": "ending"})
        self.assertEqual(self.admin.calls.ended, ["rec-7"])

    def test_end_no_call(self) -> None:
        """
        DELETE of a call that is not up is 404.
        """
        self.assertEqual(self.admin.ask("DELETE", "/api/v1/calls/rec-8").status, 404)

    def test_an_end_that_takes_too_long(self) -> None:
        """
        An answer that does not come within its time is 503, and the connection does not hang.
        """
        self.admin.calls.waiting = Deferred()
        request = b"DELETE /api/v1/calls/rec-7 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        _, transport = self.admin.octets(request)
        self.assertEqual(transport.value(), b"")
        self.admin.clock.advance(30)
        self.assertIn(b" 503 ", transport.value().split(b"\r\n")[0])
        self.assertEqual(self.admin.calls.ended, [])

    def test_a_client_that_does_not_wait(self) -> None:
        """
        Who asks and goes is done as asked; that nobody hears the answer is no fault worth a line.
        """
        self.admin.calls.waiting = Deferred()
        request = b"DELETE /api/v1/calls/rec-7 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        _, transport = self.admin.octets(request)
        transport.protocol.connectionLost(Failure(ConnectionLost()))
        self.admin.calls.waiting.callback(None)
        self.assertEqual(self.admin.calls.ended, ["rec-7"])
        self.assertEqual(transport.value(), b"")
        self.assertEqual(self.flushLoggedErrors(), [])
