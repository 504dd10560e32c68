"""
Every error of this package: whose fault it is, and what to answer.
"""

from attrs import frozen


class SiprecError(Exception):
    """
    The root of all errors raised by this package.
    """


class PeerError(SiprecError):
    """
    The peer is at fault: answer it with C{status}, count it, log it once at info.

    Parsers raise nothing else. The text says what was found and what was wanted; C{fields} are header
    fields that the answer must have, such as Unsupported with a 420.
    """

    def __init__(self, text: str, status: int = 400, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.fields = fields


class Replayed(PeerError):
    """
    A protected packet that was seen before, or is too old to tell (RFC 3711 s.3.3.2).
    """


class BadTag(PeerError):
    """
    A protected packet that none of the keys explains (RFC 3711 s.3.3, step 5).
    """


class LocalError(SiprecError):
    """
    We are at fault, or this machine is: a bug or a missing resource, and it is loud.
    """


class NoServer(SiprecError):
    """
    Nobody answers where a command looks for a running server.
    """


class PortsExhausted(LocalError):
    """
    No free pair of media ports is left: the call is answered 503 (RFC 3261 s.21.5.4).
    """


@frozen
class Problem:
    """
    One thing that is wrong in a configuration: where, what was found, what is wanted.
    """

    where: str      # "etc/siprec.yaml:12" or "environment SIPREC_MEDIA_PORTS"
    path: str       # "media.ports"
    text: str       # found and wanted, in words


class ConfigurationError(SiprecError):
    """
    The configuration cannot be used; it lists every problem, not only the first.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(": ".join(filter(None, (p.where, p.path, p.text))) for p in problems))
        self.problems = problems
