"""
What a route answers with: octets, or a file to be sent.
"""

from __future__ import annotations

from attrs import frozen

HeaderFields = tuple[tuple[str, str], ...]


@frozen
class Reply:
    """
    A whole answer, in memory.
    """

    status: int
    body: bytes
    content_type: str
    headers: HeaderFields = ()


@frozen
class FileReply:
    """
    A file, of which the request's Range may want a part; 404 where it is gone.
    """

    path: str                   # absolute
    content_type: str
    file_name: str              # the name that a browser saves it under
    download: bool = False      # attachment rather than inline (RFC 6266 s.4.2)


Answer = Reply | FileReply
