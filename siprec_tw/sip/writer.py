"""
From a message to octets (RFC 3261 s.7); Content-Length always tells the truth.
"""

from __future__ import annotations

from siprec_tw.errors import LocalError
from siprec_tw.sip.message import Message, Request, comparable_name


def write(message: Message) -> bytes:
    """
    The message as it goes on the wire, Content-Length last of the header fields and always there.

    Raises LocalError where a field holds a line break: a peer could have written fields in our name.
    """
    lines = [_start_line(message)]
    lines += [
        f"{name}: {value}" for name, value in message.headers.fields
        if comparable_name(name) != "content-length"
    ]
    lines.append(f"Content-Length: {len(message.body)}")
    head = "\r\n".join(lines)
    if head.count("\n") >= len(lines) or head.count("\r") >= len(lines):
        raise LocalError(f"line break within a header field of {lines[0]!r}")
    return head.encode("utf-8", "replace") + b"\r\n\r\n" + message.body


def _start_line(message: Message) -> str:
    if isinstance(message, Request):
        return f"{message.method} {message.uri} SIP/2.0"
    return f"SIP/2.0 {message.status} {message.reason}"
