"""
The torture messages of RFC 4475 and RFC 5118, and what must come of each.

C{outcome} is what parser and validation make of it: "understood", "dropped" (a response, or a request
that nobody could answer) or the status of the refusal. C{final} lists the final statuses with which a live
recorder may answer: empty where there is no answer at all. Where the RFC lets an element choose
between refusing and being liberal, this recorder is liberal (record first), and the note says so.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

UNDERSTOOD = "understood"
DROPPED = "dropped"

_DIRECTORY = Path(__file__).parent / "torture"


@frozen
class Case:
    """
    One torture message.
    """

    name: str  # the RFC's short name, and the file's
    section: str
    outcome: str | int
    final: tuple[int, ...]
    note: str

    def octets(self) -> bytes:
        """
        The datagram.
        """
        return (_DIRECTORY / f"{self.name}.sip").read_bytes()


# An INVITE that is understood is recorded, whatever its Request-URI names.
_INVITED = (200,)
_NO_METHOD = (405,)
_OPTIONS = (200,)

CASES = (
    # RFC 4475 s.3.1.1: valid
    Case("wsinv", "4475 3.1.1.1", UNDERSTOOD, (481,), "folding, odd spaces and compact names; To has a tag"),
    Case("intmeth", "4475 3.1.1.2", UNDERSTOOD, _NO_METHOD, "every character that is allowed somewhere"),
    Case("esc01", "4475 3.1.1.3", UNDERSTOOD, _INVITED, "% escapes in URIs; the user is not a sips URI"),
    Case("escnull", "4475 3.1.1.4", UNDERSTOOD, _NO_METHOD, "escaped NULs in URIs"),
    Case("esc02", "4475 3.1.1.5", UNDERSTOOD, _NO_METHOD, "% is no escape in methods and header names"),
    Case("lwsdisp", "4475 3.1.1.6", UNDERSTOOD, _OPTIONS, "no space between display name and <"),
    Case("longreq", "4475 3.1.1.7", UNDERSTOOD, _INVITED, "long values, 32 Via"),
    Case("dblreq", "4475 3.1.1.8", UNDERSTOOD, _NO_METHOD, "octets behind the body are no second request"),
    Case("semiuri", "4475 3.1.1.9", UNDERSTOOD, _OPTIONS, "semicolon in the user part"),
    Case("transports", "4475 3.1.1.10", UNDERSTOOD, _OPTIONS, "known and unknown transports in Via"),
    Case("mpart01", "4475 3.1.1.11", UNDERSTOOD, _NO_METHOD, "multipart with binary octets"),
    Case("unreason", "4475 3.1.1.12", UNDERSTOOD, (), "UTF-8 in the reason phrase"),
    Case("noreason", "4475 3.1.1.13", UNDERSTOOD, (), "empty reason phrase"),
    # RFC 4475 s.3.1.2: invalid
    Case("badinv01", "4475 3.1.2.1", 400, (400,), "separators without values in Via"),
    Case("clerr", "4475 3.1.2.2", 400, (400,), "Content-Length beyond the datagram"),
    Case("ncl", "4475 3.1.2.3", 400, (400,), "negative Content-Length"),
    Case("scalar02", "4475 3.1.2.4", 400, (400,), "CSeq and Max-Forwards too large"),
    Case("scalarlg", "4475 3.1.2.5", DROPPED, (), "a response with too large a CSeq"),
    Case("quotbal", "4475 3.1.2.6", 400, (400,), "quote never closed in To"),
    Case("ltgtruri", "4475 3.1.2.7", 400, (400,), "Request-URI in brackets"),
    Case("lwsruri", "4475 3.1.2.8", 400, (400,), "space within the Request-URI"),
    Case("lwsstart", "4475 3.1.2.9", UNDERSTOOD, _INVITED, "liberal: more than one space in the start line"),
    Case("trws", "4475 3.1.2.10", UNDERSTOOD, _OPTIONS, "liberal: spaces at the end of the start line"),
    Case("escruri", "4475 3.1.2.11", 400, (400,), "header fields within the Request-URI"),
    Case("baddate", "4475 3.1.2.12", UNDERSTOOD, _INVITED, "liberal: Date in a zone other than GMT"),
    Case("regbadct", "4475 3.1.2.13", 400, (400,), "a Contact with headers and without brackets"),
    Case("badaspec", "4475 3.1.2.14", UNDERSTOOD, _OPTIONS, "liberal: spaces around a URI within brackets"),
    Case("baddn", "4475 3.1.2.15", UNDERSTOOD, _OPTIONS, "liberal: display name that wants quotes"),
    Case("badvers", "4475 3.1.2.16", 505, (505,), "SIP/7.0"),
    Case("mismatch01", "4475 3.1.2.17", 400, (400,), "CSeq names another method"),
    Case("mismatch02", "4475 3.1.2.18", 400, (400,), "the same, of an unknown method; 501 would be as good"),
    Case("bigcode", "4475 3.1.2.19", DROPPED, (), "a status of ten digits"),
    # RFC 4475 s.3.2: transaction layer
    Case("badbranch", "4475 3.2.1", UNDERSTOOD, _OPTIONS, "the magic cookie and nothing behind it"),
    # RFC 4475 s.3.3: application layer
    Case("insuf", "4475 3.3.1", 400, (400,), "no Call-ID, From, To"),
    Case("unkscm", "4475 3.3.2", 416, (416,), "unknown scheme in the Request-URI"),
    Case("novelsc", "4475 3.3.3", 416, (416,), "known scheme, but not SIP's, in the Request-URI"),
    Case("unksm2", "4475 3.3.4", UNDERSTOOD, _NO_METHOD, "unknown schemes in To, From, Contact"),
    Case("bext01", "4475 3.3.5", UNDERSTOOD, (420,), "unknown Require; Proxy-Require is not ours"),
    Case("invut", "4475 3.3.6", UNDERSTOOD, (415,), "a body of unknown type"),
    Case("regaut01", "4475 3.3.7", UNDERSTOOD, _NO_METHOD, "unknown authorization scheme"),
    Case("multi01", "4475 3.3.8", 400, (400,), "two of what there may be one of"),
    Case("mcl01", "4475 3.3.9", 400, (400,), "two different Content-Lengths"),
    Case("bcast", "4475 3.3.10", UNDERSTOOD, (), "a 200 to be sent on to a broadcast address"),
    Case("zeromf", "4475 3.3.11", UNDERSTOOD, (200,), "Max-Forwards 0 concerns proxies"),
    Case("cparam01", "4475 3.3.12", UNDERSTOOD, _NO_METHOD, "a parameter of the Contact"),
    Case("cparam02", "4475 3.3.13", UNDERSTOOD, _NO_METHOD, "a parameter of the Contact's URI"),
    Case("regescrt", "4475 3.3.14", UNDERSTOOD, _NO_METHOD, "headers in the Contact's URI"),
    Case("sdp01", "4475 3.3.15", UNDERSTOOD, (200,), "liberal: Accept without application/sdp"),
    # RFC 4475 s.3.4: backward compatibility
    Case("inv2543", "4475 3.4.1", UNDERSTOOD, _INVITED, "RFC 2543: no tag, branch, Max-Forwards or length"),
    # RFC 5118: IPv6
    Case("ipv6-good", "5118 4.1", UNDERSTOOD, _NO_METHOD, "IPv6 reference as the Request-URI"),
    Case("ipv6-bad", "5118 4.2", 400, (400,), "IPv6 address without brackets"),
    Case("port-ambiguous", "5118 4.3", UNDERSTOOD, _NO_METHOD, "5070 is part of the address"),
    Case("port-unambiguous", "5118 4.4", UNDERSTOOD, _NO_METHOD, "5070 is the port"),
    Case("via-received-param-with-delim", "5118 4.5", UNDERSTOOD, _OPTIONS, "received in brackets"),
    Case("via-received-param-no-delim", "5118 4.5", UNDERSTOOD, _OPTIONS, "received without brackets"),
    Case("ipv6-in-sdp", "5118 4.6", UNDERSTOOD, _INVITED, "IPv6 in the SDP"),
    Case("mult-ip-in-header", "5118 4.7", UNDERSTOOD, (481,), "IPv6 and IPv4 in Via"),
    Case("ipv4-mapped-ipv6", "5118 4.9", UNDERSTOOD, _INVITED, "IPv4-mapped addresses"),
)
