"""
Tokens, roles, and the Host check that stands in for them on loopback.
"""

from __future__ import annotations

from admin_fakes import OPERATOR_TOKEN, READER_TOKEN, TOKENS, Admin, parsed
from twisted.trial.unittest import SynchronousTestCase


class TokenTests(SynchronousTestCase):
    """
    A server with tokens.
    """

    def setUp(self) -> None:
        self.admin = Admin(tokens=TOKENS)

    def test_open_paths(self) -> None:
        """
        Health and the front page are open: load balancers bear no tokens.
        """
        for path in ("/", "/health/live", "/health/ready"):
            self.assertEqual(self.admin.get(path).status, 200, path)

    def test_without_a_token(self) -> None:
        """
        Everything else is 401 and names the scheme (RFC 6750 s.3).
        """
        for path in ("/metrics", "/api/v1/calls", "/api/v1/recordings", "/api/v1/recordings/rec-1/audio"):
            answer = self.admin.get(path)
            self.assertEqual((answer.status, answer.value["error"]["code"]), (401, "unauthorized"), path)
            self.assertEqual(answer.headers["www-authenticate"], 'Bearer realm="siprec_tw"')

    def test_wrong_credentials(self) -> None:
        """
        Another scheme, an empty, nearly right or strange token is 401.
        """
        for value in (
            "Basic cmVhZGVy", "Bearer", "Bearer ", f"Bearer {READER_TOKEN}x", f"Bearer {READER_TOKEN[:-1]}",
            READER_TOKEN, "Bearer Ω", f"Bearer {READER_TOKEN},{OPERATOR_TOKEN}",
        ):
            self.assertEqual(self.admin.get("/metrics", Authorization=value).status, 401, value)

    def test_unknown_token(self) -> None:
        """
        A token that is not known is told so in the challenge (RFC 6750 s.3.1).
        """
        answer = self.admin.get("/metrics", Authorization="Bearer somebody-elses-token")
        self.assertIn('error="invalid_token"', answer.headers["www-authenticate"])

    def test_octets_that_are_no_text(self) -> None:
        """
        A header that is not UTF-8 is a wrong token, not a failure.
        """
        answer, _ = self.admin.octets(
            b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n"
        )
        self.assertEqual(parsed(answer).status, 401)

    def test_reader(self) -> None:
        """
        A reader sees; the scheme's case does not matter.
        """
        for scheme in ("Bearer", "bearer"):
            self.assertEqual(self.admin.get("/metrics", Authorization=f"{scheme} {READER_TOKEN}").status, 200)

    def test_reader_may_not_end_calls(self) -> None:
        """
        What wants an operator is 403 for a reader, and says what is wanted.
        """
        answer = self.admin.ask("DELETE", "/api/v1/calls/rec-7", Authorization=f"Bearer {READER_TOKEN}")
        self.assertEqual(answer.status, 403)
        self.assertEqual(answer.message, "The token's role is reader, wanted operator")
        self.assertIn('scope="operator"', answer.headers["www-authenticate"])
        self.assertEqual(self.admin.calls.ended, [])

    def test_operator(self) -> None:
        """
        An operator does all that a reader does, and more.
        """
        bearer = f"Bearer {OPERATOR_TOKEN}"
        self.assertEqual(self.admin.get("/api/v1/calls", Authorization=bearer).status, 200)
        self.assertEqual(self.admin.ask("DELETE", "/api/v1/calls/rec-7", Authorization=bearer).status, 202)

    def test_any_host(self) -> None:
        """
        With tokens the server goes by any name.
        """
        self.assertEqual(self.admin.raw("/health/live", host="recorder.example.org").status, 200)

    def test_refusal_comes_before_the_parameters(self) -> None:
        """
        Nobody learns of parameters without a token.
        """
        self.assertEqual(self.admin.get("/api/v1/recordings?page=2").status, 401)


class HostTests(SynchronousTestCase):
    """
    A server without tokens, on loopback.
    """

    def setUp(self) -> None:
        self.admin = Admin()

    def test_names_of_this_machine(self) -> None:
        """
        localhost, the loopback addresses and the configured host are us, with any port or none.
        """
        for host in (
            "localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8080", "localhost:",
        ):
            self.assertEqual(self.admin.raw("/api/v1/calls", host=host).status, 200, host)

    def test_other_names(self) -> None:
        """
        Any other name is 403: a page in a browser here came by DNS rebinding.
        """
        for host in ("evil.example", "localhost.evil.example", "evil.example:8080", "127.0.0.1.evil.example",
                     "localhost:8080:1", "[::1", "127.0.0.2", "localhost@evil.example", ""):
            answer = self.admin.raw("/api/v1/calls", host=host)
            self.assertEqual((answer.status, answer.value["error"]["code"]), (403, "forbidden"), host)

    def test_refusal_names_what_is_taken(self) -> None:
        """
        The 403 says by which names this server goes.
        """
        message = self.admin.raw("/api/v1/calls", host="evil.example").message
        self.assertEqual(
            message, "The Host header is 'evil.example', wanted one of: localhost, 127.0.0.1, [::1]"
        )

    def test_health_is_guarded_too(self) -> None:
        """
        No path is open to another name.
        """
        self.assertEqual(self.admin.raw("/health/live", host="evil.example").status, 403)

    def test_no_host(self) -> None:
        """
        HTTP/1.1 without Host is 400 (RFC 9112 s.3.2); HTTP/1.0 may be without.
        """
        answer, _ = self.admin.octets(b"GET /health/live HTTP/1.1\r\n\r\n")
        self.assertEqual(parsed(answer).status, 400)
        answer, _ = self.admin.octets(b"GET /health/live HTTP/1.0\r\n\r\n")
        self.assertEqual(parsed(answer).status, 200)

    def test_two_hosts(self) -> None:
        """
        Two Host headers are 400, whichever comes first.
        """
        for first, second in ((b"localhost", b"evil.example"), (b"evil.example", b"localhost")):
            answer, _ = self.admin.octets(
                b"GET /health/live HTTP/1.1\r\nHost: " + first + b"\r\nHost: " + second + b"\r\n\r\n"
            )
            self.assertEqual(parsed(answer).status, 400)

    def test_everything_is_allowed(self) -> None:
        """
        On loopback without tokens everybody is an operator.
        """
        self.assertEqual(self.admin.ask("DELETE", "/api/v1/calls/rec-7").status, 202)
