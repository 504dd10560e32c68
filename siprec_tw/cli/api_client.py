"""
The server's HTTP API as the command line asks it: synchronous, from the standard library.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

import cattrs
from attrs import field, frozen

from siprec_tw.cli.private_files import private_file
from siprec_tw.errors import NoServer, SiprecError

DEFAULT_URL = "http://127.0.0.1:8080"
TIMEOUT = 30.0              # seconds without an octet
CHUNK = 1 << 16             # octets
MOST_ERROR_TEXT = 1 << 16   # octets of an error's body that are read


@frozen
class PartyRow:
    """
    A participant of a recording.
    """

    participant_id: str
    aor: str
    name: str


@frozen
class FoundRecording:
    """
    A recording as the API lists it; instants are ISO 8601.
    """

    recording_id: str
    state: str
    verdict: str
    call_id: str
    started: str
    ended: str | None
    duration: float             # seconds
    parties: tuple[PartyRow, ...]
    tracks: int
    size: int                   # octets of recording.wav


@frozen
class Page:
    """
    A page of a search.
    """

    recordings: tuple[FoundRecording, ...]
    next_cursor: str | None
    total: int


@frozen
class ApiClient:
    """
    Asks one server. Everything raises L{SiprecError} with words for the user.
    """

    url: str
    token: str = field(default="", repr=False)
    _opener: OpenerDirector = field(factory=lambda: build_opener(ProxyHandler({})), repr=False)

    def search(self, query: Mapping[str, str]) -> Page:
        """
        A page of recordings, newest first.
        """
        text = self.read(f"/api/v1/recordings?{urlencode(query)}")
        try:
            return cattrs.structure(json.loads(text), Page)
        except (ValueError, KeyError, TypeError, cattrs.BaseValidationError) as error:
            raise SiprecError(f"{self.url} answered with something else than recordings") from error

    def read(self, path: str) -> bytes:
        """
        The whole body at a path.
        """
        return self._whole(path, "GET")

    def post(self, path: str) -> bytes:
        """
        The whole answer to a POST without a body.
        """
        return self._whole(path, "POST")

    def _whole(self, path: str, method: str) -> bytes:
        try:
            with self._open(path, method) as response:
                return response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error

    def save(self, path: str, file: Path) -> int:
        """
        Write what is at a path into a file of nobody else's, which appears when it is whole; its size in octets.
        """
        unfinished = file.with_name(file.name + ".part")
        size = 0
        try:
            with self._open(path) as response, private_file(unfinished) as out:
                while chunk := response.read(CHUNK):
                    size += out.write(chunk)
                wanted = response.headers.get("Content-Length")
            if wanted is not None and size != int(wanted):
                raise SiprecError(f"{file.name} came with {size} octets, wanted {wanted}")
            unfinished.replace(file)
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error
        return size

    def _open(self, path: str, method: str = "GET") -> http.client.HTTPResponse:
        headers = {"Accept": "application/json, */*"}
        request = Request(self.url.rstrip("/") + path, headers=headers, method=method)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            response = self._opener.open(request, timeout=TIMEOUT)
        except HTTPError as error:
            with error:
                raise SiprecError(self._refusal(error)) from None
        except URLError as error:
            raise NoServer(
                f"No server at {self.url}: {error.reason}. Is it running, and is this its admin.listen?"
            ) from None
        assert isinstance(response, http.client.HTTPResponse)
        return response

    def _refusal(self, error: HTTPError) -> str:
        if error.code == http.HTTPStatus.UNAUTHORIZED:
            what = "does not know this token" if self.token else "wants a token"
            return f"{self.url} {what}: give one of admin.tokens with --token or SIPREC_TOKEN"
        return _said(error.read(MOST_ERROR_TEXT)) or f"{self.url} answered {error.code} {error.reason}"

    def _broken(self, error: Exception) -> SiprecError:
        return SiprecError(f"{self.url}: {error}")


def server_url(text: str) -> str:
    """
    An http or https URL of a server. Raises ValueError.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"found {text!r}, wanted for instance {DEFAULT_URL}")
    return text.rstrip("/")


def recording_path(recording_id: str, *steps: str) -> str:
    """
    The API's path of a recording or of something that belongs to it.
    """
    return "/".join(("/api/v1/recordings", *(quote(step, safe="") for step in (recording_id, *steps))))


def _said(body: bytes) -> str:
    """
    The words of an error's JSON body, "" where there are none.
    """
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return ""
