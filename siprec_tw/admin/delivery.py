"""
An answer, written to the client.
"""

from __future__ import annotations

from os import fstat, stat_result
from pathlib import Path
from typing import BinaryIO

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from siprec_tw.admin.byte_range import Conditions, Portion, Representation, portion
from siprec_tw.admin.disposition import content_disposition
from siprec_tw.admin.file_slice import FileSlice
from siprec_tw.admin.json_reply import error_reply
from siprec_tw.admin.reply import FileReply, HeaderFields, Reply
from siprec_tw.admin.threads import InThread
from siprec_tw.admin.wire import HttpRequest

# Recordings are nobody's but the asker's: nothing is cached, embedded elsewhere or taken for another type.
ALWAYS: HeaderFields = (
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("Server", "siprec_tw"),
    ("X-Content-Type-Options", "nosniff"),
)
PAGE_POLICY = "default-src 'none'; frame-ancestors 'none'"
FILE_POLICY = PAGE_POLICY + "; sandbox"
SOUND_POLICY = "frame-ancestors 'none'"     # a browser that opens a sound must be let load that sound
HEADERS_ONLY = (304,)


class Visit:
    """
    One request that is being answered.
    """

    log = Logger()

    def __init__(self, request: HttpRequest, in_thread: InThread, reactor: IReactorTime) -> None:
        self._request = request
        self._in_thread = in_thread
        self._reactor = reactor
        self._gone = False
        self._piece: FileSlice | None = None
        self.status = 0
        request.notifyFinish().addErrback(self._left)

    def _left(self, reason: object) -> None:
        self._gone = True
        if self._piece is not None:
            self._piece.stopProducing()

    def deliver(self, reply: Reply) -> None:
        """
        Send an answer that is in memory.
        """
        self._begin(reply.status, len(reply.body), reply.content_type, PAGE_POLICY, reply.headers)
        if not self._gone:
            self._request.write(reply.body)
            self._request.finish()

    async def deliver_file(self, reply: FileReply) -> None:
        """
        Send a file, or the part of it that is wanted.
        """
        try:
            source, status = await self._in_thread(lambda: _opened(reply.path))
        except FileNotFoundError:
            self.deliver(error_reply(404, f"The file {reply.file_name!r} is gone"))
            return
        except OSError:
            self.log.failure("Could not open {path}", path=reply.path)
            self.deliver(error_reply(500, f"The file {reply.file_name!r} could not be read"))
            return
        with source:
            found = _representation(status)
            wanted = portion(found, self._conditions())
            if wanted.status == 416:
                text = f"The range lies outside the file's {found.size} octets"
                self.deliver(error_reply(416, text, (("Content-Range", f"bytes */{found.size}"),)))
            else:
                await self._deliver_portion(reply, source, found, wanted)

    async def _deliver_portion(
        self, reply: FileReply, source: BinaryIO, found: Representation, wanted: Portion
    ) -> None:
        policy = SOUND_POLICY if reply.content_type.startswith("audio/") else FILE_POLICY
        self._begin(
            wanted.status, wanted.length, reply.content_type, policy, _file_headers(reply, found, wanted)
        )
        whole = True
        if wanted.length and self._request.method != b"HEAD" and not self._gone:
            source.seek(wanted.offset)
            self._piece = FileSlice(source, wanted.length, self._request, self._in_thread, self._reactor)
            whole = await self._piece.send()
        if self._gone:
            return
        if whole:
            self._request.finish()
        else:
            self._request.transport.abortConnection()

    def _begin(
        self, status: int, length: int, content_type: str, policy: str, headers: HeaderFields
    ) -> None:
        self.status = status
        self._request.setResponseCode(status)
        # What a reply says of itself comes last and wins.
        fields = [*ALWAYS, ("Content-Security-Policy", policy), *headers]
        if status not in HEADERS_ONLY:
            fields += [("Content-Type", content_type), ("Content-Length", str(length))]
        for name, value in fields:
            self._request.responseHeaders.setRawHeaders(name, [value])

    def _conditions(self) -> Conditions:
        def text(name: bytes) -> str:
            values = self._request.requestHeaders.getRawHeaders(name) or []
            return b",".join(values).decode("latin-1")

        whole = self._request.method == b"HEAD"     # RFC 9110 s.14.2: only GET has ranges
        return Conditions(
            text(b"If-None-Match"),
            text(b"If-Modified-Since"),
            "" if whole else text(b"If-Range"),
            "" if whole else text(b"Range"),
        )


def _opened(path: str) -> tuple[BinaryIO, stat_result]:
    if not Path(path).is_file():
        raise FileNotFoundError(path)
    source = Path(path).open("rb")  # noqa: SIM115 - the caller closes it
    return source, fstat(source.fileno())


def _representation(status: stat_result) -> Representation:
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    return Representation(status.st_size, int(status.st_mtime), tag)


def _file_headers(reply: FileReply, found: Representation, wanted: Portion) -> HeaderFields:
    headers: HeaderFields = (
        ("Accept-Ranges", "bytes"),
        ("ETag", found.tag),
        ("Last-Modified", found.last_modified),
        ("Content-Disposition", content_disposition(reply.file_name, reply.download)),
    )
    if wanted.status == 206:
        last = wanted.offset + wanted.length - 1
        headers += (("Content-Range", f"bytes {wanted.offset}-{last}/{found.size}"),)
    return headers
