"""
Who may do what: bearer tokens (RFC 6750), and the Host check where there are none.

Without tokens the server listens on loopback only (the configuration sees to that) and everybody on
this machine may do everything. A web page in a browser on this machine is not meant to: it reaches us
under a name of its own that resolves to 127.0.0.1 (DNS rebinding), so the Host header must be ours.
"""

from __future__ import annotations

import hmac
import re

from attrs import frozen

from siprec_tw.admin.json_reply import error_reply
from siprec_tw.admin.reply import Reply
from siprec_tw.config.model import Role, Token
from siprec_tw.sip.uri import bracketed

REALM = 'Bearer realm="siprec_tw"'
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]*)(:[0-9]*)?")     # RFC 9110 s.7.2


@frozen
class Access:
    """
    The tokens of this server and the name that it listens under.
    """

    tokens: tuple[Token, ...]
    host: str                       # as configured: "127.0.0.1", "::1", "recorder.example.org"

    def refusal(self, wanted: Role | None, authorization: str) -> Reply | None:
        """
        The 401 or 403 for this Authorization header, or None: come in. A route without a role is open.
        """
        if wanted is None or not self.tokens:
            return None
        scheme, _, secret = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            text = "This needs a token: Authorization: Bearer <token>"
            return error_reply(401, text, (("WWW-Authenticate", REALM),))
        held = self._role_of(secret.strip())
        if held is None:
            challenge = f'{REALM}, error="invalid_token"'
            return error_reply(401, "The token is not known here", (("WWW-Authenticate", challenge),))
        if held is not wanted and held is not Role.OPERATOR:
            challenge = f'{REALM}, error="insufficient_scope", scope="{wanted.value}"'
            text = f"The token's role is {held.value}, wanted {wanted.value}"
            return error_reply(403, text, (("WWW-Authenticate", challenge),))
        return None

    def _role_of(self, secret: str) -> Role | None:
        offered = secret.encode("utf-8", "surrogateescape")
        role: Role | None = None
        for token in self.tokens:   # all of them, always: the time must not tell which one was nearly right
            if hmac.compare_digest(token.token.get_secret_value().encode(), offered):
                role = token.role
        return role

    def host_refusal(self, version: str, hosts: tuple[str, ...]) -> Reply | None:
        """
        The answer to a wrong Host header (400 or 403), or None. Only HTTP/1.0 may go without one.
        """
        if len(hosts) > 1 or (not hosts and version != "HTTP/1.0"):
            return error_reply(400, f"There are {len(hosts)} Host headers, wanted one")
        if self.tokens or not hosts:
            return None
        match = _HOST.fullmatch(hosts[0].strip().lower())
        ours = {*LOCAL_NAMES, bracketed(self.host.lower())}
        if match is not None and match[1] in ours:
            return None
        wanted = ", ".join(dict.fromkeys((*LOCAL_NAMES, bracketed(self.host))))
        return error_reply(403, f"The Host header is {hosts[0][:80]!r}, wanted one of: {wanted}")
