"""
The HTTP face as a whole: errors, methods, headers, malformed requests, counting.
"""

from __future__ import annotations

from admin_fakes import Admin, parsed
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.admin.desk import MOST_BODY
from siprec_tw.admin.wire import MOST_DRAINED


class AnswerTests(SynchronousTestCase):
    """
    What every answer has.
    """

    def setUp(self) -> None:
        self.admin = Admin()

    def test_unknown_paths(self) -> None:
        """
        Where nothing is, a JSON 404 is; a slash too many makes it nothing.
        """
        for path in (
            "/nothing", "/api", "/api/v1/calls/", "/health/live/", "/api/v1/recordings/rec-1/",
            "//health/live", "/api/v1/calls//", "/api/v1/recordings/rec-1/files/", "/metrics/x",
        ):
            answer = self.admin.raw(path)
            self.assertEqual((answer.status, answer.value["error"]["code"]), (404, "not-found"), path)

    def test_wrong_method(self) -> None:
        """
        Another method is 405, and Allow says which there are.
        """
        answer = self.admin.ask("POST", "/api/v1/calls/rec-7")
        self.assertEqual((answer.status, answer.value["error"]["code"]), (405, "method-not-allowed"))
        self.assertEqual(answer.headers["allow"], "DELETE, GET, HEAD")
        self.assertEqual(self.admin.raw("/metrics", "BREW").headers["allow"], "get, head")

    def test_head(self) -> None:
        """
        HEAD has GET's status and headers and no body.
        """
        for path in ("/", "/health/live", "/api/v1/calls", "/api/v1/recordings", "/nothing"):
            asked, got = self.admin.ask("HEAD", path), self.admin.get(path)
            self.assertEqual((asked.status, asked.body), (got.status, b""))
            self.assertEqual(asked.headers["content-length"], str(len(got.body)))
            self.assertEqual(asked.headers["content-type"], got.headers["content-type"])

    def test_safe_headers(self) -> None:
        """
        No answer may be cached, embedded elsewhere, or taken for another type; errors neither.
        """
        for path in ("/", "/health/live", "/nothing", "/api/v1/recordings?limit=0"):
            headers = self.admin.get(path).headers
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            self.assertEqual(headers["cache-control"], "no-store")
            self.assertEqual(headers["cross-origin-resource-policy"], "same-origin")
            self.assertIn("default-src 'none'", headers["content-security-policy"])
            self.assertEqual(headers["server"], "siprec_tw")

    def test_a_bug_is_500_without_its_traceback(self) -> None:
        """
        A bug is a JSON 500 that says nothing of the inside; the log has it all.
        """
        self.admin.recordings.failure = ZeroDivisionError("secret inside")
        answer = self.admin.get("/api/v1/recordings")
        self.assertEqual((answer.status, answer.value["error"]["code"]), (500, "internal-error"))
        self.assertNotIn(b"secret", answer.body)
        self.assertNotIn(b"Traceback", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_requests_are_counted_by_route(self) -> None:
        """
        Each request is counted under its route's pattern, not its path; what has no route under "none".
        """
        self.admin.get("/api/v1/calls/rec-7")
        self.admin.get("/api/v1/calls/rec-8")
        self.admin.raw("/nothing", "BREW")

        def counted(**labels: str) -> float | None:
            return self.admin.metrics.registry.get_sample_value("siprec_http_requests_total", labels)

        route = "/api/v1/calls/{recording_id}"
        self.assertEqual(counted(route=route, method="GET", status="200"), 1)
        self.assertEqual(counted(route=route, method="GET", status="404"), 1)
        self.assertEqual(counted(route="none", method="other", status="404"), 1)


class MalformedRequestTests(SynchronousTestCase):
    """
    Requests that no sane client sends: a 4xx in JSON, nothing in the log, and the server goes on.
    """

    def setUp(self) -> None:
        self.admin = Admin()

    def refused(self, target: str | bytes, status: int = 400) -> str:
        answer = self.admin.raw(target)
        self.assertEqual(answer.status, status, target)
        self.assertEqual(self.admin.get("/health/live").status, 200)
        return answer.message

    def test_bad_percent_encoding(self) -> None:
        """
        A % without two hexadecimal digits is refused, in the path and in the query.
        """
        for target in (
            "/api/v1/calls/%", "/api/v1/calls/%4", "/api/v1/calls/%zz", "/api/v1/recordings?text=%g1",
        ):
            self.assertIn("hexadecimal", self.refused(target))

    def test_not_utf8(self) -> None:
        """
        Octets that are not UTF-8 are refused; unescaped ones by Twisted already.
        """
        for target in ("/api/v1/calls/%ff", "/api/v1/recordings?text=%c3%28"):
            self.assertIn("UTF-8", self.refused(target))
        self.assertEqual(self.admin.raw(b"/api/v1/calls/\xff\xfe").status, 400)

    def test_traversal(self) -> None:
        """
        Segments that climb or hide a slash are refused before anybody looks for a file.
        """
        for name in ("..%2frecording.json", "%2e%2e", "..", ".", "..%5c..%5cx", "%2Fetc%2Fpasswd", "a%2fb"):
            self.assertIn("plain name", self.refused(f"/api/v1/recordings/rec-1/files/{name}"))
        self.refused("/api/v1/recordings/../../../etc/passwd")

    def test_control_characters(self) -> None:
        """
        NUL and its like are refused wherever they stand.
        """
        for target in ("/api/v1/recordings/rec-1/files/a%00.wav", "/api/v1/calls/a%0d%0ab", "/%7f",
                       "/api/v1/recordings?participant=a%00b"):
            self.assertIn("control character", self.refused(target))

    def test_too_long_or_too_many(self) -> None:
        """
        Parts longer or more than any route takes are refused.
        """
        self.assertIn("2054 octets", self.refused("/api/v1/recordings?text=" + "a" * 2049))
        self.assertIn("256 octets", self.refused("/api/v1/calls/" + "a" * 256))
        self.assertIn("33 parameters", self.refused("/api/v1/recordings?" + "a&" * 33))
        self.assertIn("17 segments", self.refused("/a" * 17))

    def test_very_long_query(self) -> None:
        """
        A request line beyond what the HTTP server reads is answered 400 and the connection closed.
        """
        request = b"GET /api/v1/recordings?text=" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer, transport = self.admin.octets(request)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(parsed(answer).status, 400)
        self.assertIn("16384 octets", parsed(answer).message)
        self.assertEqual(self.admin.get("/health/live").status, 200)

    def test_other_targets(self) -> None:
        """
        Absolute and authority forms are refused: this is no proxy (RFC 9112 s.3.2).
        """
        self.assertIn("begins with /", self.refused("http://localhost/health/live"))
        self.assertIn("begins with /", self.refused("localhost:8080"))

    def test_not_http(self) -> None:
        """
        What is no HTTP at all is answered 400 by Twisted.
        """
        answer, transport = self.admin.octets(b"OPTIONS sip:srs@127.0.0.1 SIP/2.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400"))
        self.assertTrue(transport.disconnecting)

    def test_parameter_given_twice(self) -> None:
        """
        A parameter given twice is refused rather than half of it believed.
        """
        self.assertIn("given twice", self.refused("/api/v1/recordings?limit=1&limit=2"))

    def test_unknown_parameter(self) -> None:
        """
        A parameter that a route does not know is refused, and those that it knows are named.
        """
        self.assertEqual(
            self.refused("/api/v1/calls?page=2"), "Query parameter 'page' is not known here, wanted: none"
        )
        self.assertIn("cursor, limit, participant", self.refused("/api/v1/recordings?page=2"))

    def test_a_body_that_is_too_large(self) -> None:
        """
        A body beyond the bound is read and answered 413.
        """
        size = MOST_BODY + 1
        head = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
        answer, transport = self.admin.octets(head, b"x" * size)
        self.assertEqual(parsed(answer).status, 413)
        self.assertFalse(transport.disconnected)

    def test_a_body_without_end(self) -> None:
        """
        A body that goes on and on is cut off.
        """
        head = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        _, transport = self.admin.octets(head, *[chunk] * (MOST_DRAINED // 0x10000 + 1))
        self.assertTrue(transport.disconnected or transport.disconnecting)

    def test_several_requests_on_one_connection(self) -> None:
        """
        A connection stays open after an error, and pipelined requests are answered in their order.
        """
        requests = (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer, transport = self.admin.octets(requests)
        self.assertEqual(answer.count(b"HTTP/1.1 404"), 1)
        self.assertEqual(answer.count(b"HTTP/1.1 200"), 1)
        self.assertLess(answer.index(b" 404 "), answer.index(b" 200 "))
        self.assertFalse(transport.disconnecting)
