"""
C{/api/v1/recordings}: the search, and what belongs to a recording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from admin_fakes import Admin, at_once
from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.admin.recording_search import STATES
from siprec_tw.interfaces import RecordingQuery

T = TypeVar("T")

MANIFEST = {
    "recording_id": "rec-1",
    "documents": [
        {"name": "001-offer.sdp", "kind": "offer", "content_type": "application/sdp"},
        {"name": "002-metadata.xml", "kind": "metadata", "content_type": "application/rs-metadata"},
        {"name": "004-metadata.xml", "kind": "metadata", "content_type": "application/rs-metadata+xml"},
    ],
    "metadata": {"session": "s-1"},
}
# Not the way that json.dumps would write it: what is stored is sent octet for octet.
MANIFEST_TEXT = json.dumps(MANIFEST, indent=3).encode()
SOUND = bytes(range(256)) * 1000


class SearchTests(SynchronousTestCase):
    """
    C{GET /api/v1/recordings}.
    """

    def setUp(self) -> None:
        self.admin = Admin()

    def searched(self, query: str) -> RecordingQuery:
        """
        What was searched for with these parameters.
        """
        answer = self.admin.raw("/api/v1/recordings" + query)
        self.assertEqual(answer.status, 200, answer.body)
        return self.admin.recordings.queries[-1]

    def refused(self, query: str) -> str:
        """
        The message of a 400, before anything was searched for.
        """
        before = len(self.admin.recordings.queries)
        answer = self.admin.raw("/api/v1/recordings?" + query)
        self.assertEqual(answer.status, 400, query)
        self.assertEqual(len(self.admin.recordings.queries), before)
        return answer.message

    def test_page(self) -> None:
        """
        A page has rows, the cursor of the next and how many there are in all.
        """
        answer = self.admin.get("/api/v1/recordings")
        self.assertEqual(answer.status, 200)
        self.assertEqual((answer.value["next_cursor"], answer.value["total"]), ("next", 12))
        self.assertEqual(answer.value["recordings"][0], {
            "recording_id": "rec-1",
            "state": "stored",
            "verdict": "complete",
            "call_id": "B2B.0.0.1",
            "started": "2026-11-20T09:26:37.250Z",
            "ended": "2026-11-20T09:27:07.250Z",
            "duration": 30.0,
            "parties": [
                {"participant_id": "p-1", "aor": "sip:alice@example.com", "name": "Alice"},
                {"participant_id": "p-2", "aor": "sip:bob@example.com", "name": "Bøb"},
            ],
            "tracks": 2,
            "size": 480058,
            "path": "2026/11/20/rec-1",
            "links": {
                "self": "/api/v1/recordings/rec-1",
                "metadata": "/api/v1/recordings/rec-1/metadata",
                "audio": "/api/v1/recordings/rec-1/audio",
            },
        })
        self.assertEqual(answer.value["recordings"][1]["ended"], None)

    def test_no_conditions(self) -> None:
        """
        Without parameters nothing is restricted.
        """
        self.assertEqual(self.searched(""), RecordingQuery())

    def test_all_conditions(self) -> None:
        """
        Every parameter becomes a condition, decoded.
        """
        query = "?participant=alice%40&text=b%C3%B8b+1&since=10&until=20.5&state=stored&limit=500&cursor=next"
        self.assertEqual(
            self.searched(query), RecordingQuery("alice@", "bøb 1", 10.0, 20.5, "stored", 500, "next")
        )

    def test_instants(self) -> None:
        """
        ISO 8601 with a zone, without (UTC), a date alone, a + that came as a space, or POSIX seconds.
        """
        for text in ("2026-11-20T09:26:37Z", "2026-11-20T10:26:37%2B01:00", "2026-11-20T10:26:37+01:00",
                     "2026-11-20T09:26:37", "1795166797", "1795166797.000", "20261120T092637Z"):
            self.assertEqual(self.searched("?since=" + text).since, 1795166797.0, text)
        self.assertEqual(self.searched("?until=2026-11-20").until, 1795132800.0)

    def test_bad_instants(self) -> None:
        """
        What is no instant, or none in reach, is refused with what was found.
        """
        for text in ("yesterday", "", "-1", "nan", "inf", "1e9", "2026-13-01", "9999999999999",
                     "253402300800", "1960-01-01", "0001-01-01T00:00:00%2B14:00"):
            message = self.refused("until=" + text)
            self.assertIn("wanted ISO 8601", message)
        self.assertIn("'yesterday'", self.refused("since=yesterday"))

    def test_since_after_until(self) -> None:
        """
        A span that ends before it begins is refused.
        """
        self.assertIn("before until", self.refused("since=20&until=20"))

    def test_bad_limits(self) -> None:
        """
        A limit is a number from 1 to 500.
        """
        for text in ("0", "501", "-1", "ten", "", "5.0", "%D9%A3", "99999999999999999999"):
            self.assertIn("wanted a number from 1 to 500", self.refused("limit=" + text))

    def test_bad_texts(self) -> None:
        """
        An empty or endless text is refused.
        """
        for query in ("participant=", "text=%20", "text=" + "a" * 257, "cursor=", "cursor=" + "a" * 513):
            self.assertIn("wanted", self.refused(query))

    def test_states(self) -> None:
        """
        A state is recording, stored or a verdict; any other is refused, and the message lists them all.
        """
        for state in STATES:
            self.assertEqual(self.searched(f"?state={state}").state, state)
        for text in ("bogus", "", "STORED", "a%20b"):
            self.assertIn("wanted one of: " + ", ".join(STATES), self.refused("state=" + text))
        self.assertEqual(STATES[:4], ("recording", "stored", "truncated", "silent"))

    def test_states_in_the_documentation(self) -> None:
        """
        docs/http-api.md names every state that may be asked for.
        """
        page = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text()
        row = next(line for line in page.splitlines() if line.startswith("| `state`"))
        self.assertEqual(re.findall("`([^`]+)`", row)[1:], list(STATES))

    def test_strange_cursor(self) -> None:
        """
        A cursor that the index does not know is 400, in its words.
        """
        answer = self.admin.get("/api/v1/recordings?cursor=other")
        self.assertEqual((answer.status, answer.message), (400, "cursor is 'other', wanted one of ours"))


class RecordingTests(SynchronousTestCase):
    """
    One recording and its files.
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.stored = self.directory / "2026/11/20/rec-1"
        (self.stored / "documents").mkdir(parents=True)
        (self.stored / "recording.json").write_bytes(MANIFEST_TEXT)
        (self.stored / "recording.wav").write_bytes(SOUND)
        (self.stored / "track-a b.rtpdump").write_bytes(b"packets")
        (self.stored / "documents/002-metadata.xml").write_bytes(b"<recording/>")
        (self.directory / "secret.txt").write_bytes(b"secret")
        self.admin = Admin(self.directory)

    def test_manifest(self) -> None:
        """
        A stored recording is its manifest, octet for octet.
        """
        answer = self.admin.get("/api/v1/recordings/rec-1")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/json"))
        self.assertEqual(answer.body, MANIFEST_TEXT)

    def test_still_recording(self) -> None:
        """
        While it is recorded it is its row in the index; its files come later.
        """
        answer = self.admin.get("/api/v1/recordings/rec-7")
        self.assertEqual((answer.status, answer.value["state"]), (200, "recording"))
        for path in ("audio", "metadata", "files/recording.wav"):
            answer = self.admin.get("/api/v1/recordings/rec-7/" + path)
            self.assertEqual(answer.status, 404)
            self.assertIn("not stored yet", answer.message)

    def test_no_such_recording(self) -> None:
        """
        An unknown id is 404 on every path below it.
        """
        for path in ("", "/audio", "/metadata", "/files/a.wav", "/documents/a.xml"):
            answer = self.admin.get("/api/v1/recordings/rec-9" + path)
            self.assertEqual((answer.status, answer.message), (404, "There is no recording 'rec-9'"))

    def test_metadata(self) -> None:
        """
        The metadata documents in their order with their addresses, and the merged model.
        """
        answer = self.admin.get("/api/v1/recordings/rec-1/metadata")
        self.assertEqual(answer.value["recording_id"], "rec-1")
        self.assertEqual(answer.value["metadata"], {"session": "s-1"})
        self.assertEqual(
            answer.value["documents"][0],
            {
                "name": "002-metadata.xml", "kind": "metadata", "content_type": "application/rs-metadata",
                "url": "/api/v1/recordings/rec-1/documents/002-metadata.xml",
            },
        )
        names = [document["name"] for document in answer.value["documents"]]
        self.assertEqual(names, ["002-metadata.xml", "004-metadata.xml"])
        document = self.admin.get(answer.value["documents"][0]["url"])
        self.assertEqual(document.body, b"<recording/>")
        self.assertEqual(document.headers["content-type"], "application/xml")

    def test_documents_cannot_run_in_a_browser(self) -> None:
        """
        What a peer sent is sandboxed, and HTML is never called HTML.
        """
        (self.stored / "documents/003-other.html").write_bytes(b"<script>alert(1)</script>")
        headers = self.admin.get("/api/v1/recordings/rec-1/documents/003-other.html").headers
        self.assertEqual(headers["content-type"], "application/octet-stream")
        self.assertIn("sandbox", headers["content-security-policy"])
        self.assertEqual(headers["x-content-type-options"], "nosniff")

    def test_broken_manifest(self) -> None:
        """
        A manifest that does not parse is sent as it is, but has no metadata to tell: our fault, 500.
        """
        for text in (b"{", b"[]"):
            (self.stored / "recording.json").write_bytes(text)
            self.assertEqual(self.admin.get("/api/v1/recordings/rec-1").body, text)
            self.assertEqual(self.admin.get("/api/v1/recordings/rec-1/metadata").status, 500)
        self.assertEqual(len(self.flushLoggedErrors()), 2)

    def test_files(self) -> None:
        """
        Every file of the directory can be fetched, whatever its name.
        """
        answer = self.admin.get("/api/v1/recordings/rec-1/files/track-a%20b.rtpdump")
        self.assertEqual((answer.status, answer.body), (200, b"packets"))
        self.assertEqual(answer.headers["content-type"], "application/octet-stream")

    def test_files_elsewhere(self) -> None:
        """
        Nothing outside the recording is a file of it, nor is a directory.
        """
        for name in ("secret.txt", "documents", "recording.mp3", "~", "*"):
            self.assertEqual(self.admin.get("/api/v1/recordings/rec-1/files/" + name).status, 404, name)

    def test_download(self) -> None:
        """
        download=1 makes it an attachment under the recording's name; other values are refused.
        """
        path = "/api/v1/recordings/rec-1/audio"
        self.assertEqual(self.admin.get(path).headers["content-disposition"], 'inline; filename="rec-1.wav"')
        answer = self.admin.get(path + "?download=1")
        self.assertEqual(answer.headers["content-disposition"], 'attachment; filename="rec-1.wav"')
        self.assertEqual(self.admin.get(path + "?download=yes").status, 400)

    def test_strange_file_name(self) -> None:
        """
        A name that is not ASCII comes in both forms (RFC 6266 s.4.3).
        """
        (self.stored / 'ø".txt').write_bytes(b"")
        answer = self.admin.get("/api/v1/recordings/rec-1/files/%C3%B8%22.txt")
        self.assertEqual(
            answer.headers["content-disposition"],
            "inline; filename=\"__.txt\"; filename*=UTF-8''%C3%B8%22.txt",
        )
        self.assertEqual((answer.body, answer.headers["content-length"]), (b"", "0"))

    def test_audio(self) -> None:
        """
        The sound comes whole, and says that parts may be asked for.
        """
        answer = self.admin.get("/api/v1/recordings/rec-1/audio")
        self.assertEqual((answer.status, answer.body), (200, SOUND))
        self.assertEqual(answer.headers["content-type"], "audio/wav")
        self.assertEqual(answer.headers["accept-ranges"], "bytes")
        self.assertNotIn("default-src", answer.headers["content-security-policy"])

    def test_audio_head(self) -> None:
        """
        HEAD tells length and tag, and takes no notice of Range (RFC 9110 s.14.2).
        """
        for range_ in ("", "bytes=0-9"):
            answer = self.admin.ask("HEAD", "/api/v1/recordings/rec-1/audio", Range=range_)
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assertEqual(answer.headers["content-length"], "256000")
            self.assertTrue(answer.headers["etag"].startswith('"'))

    def test_range(self) -> None:
        """
        A part is 206 and says which of how much.
        """
        answer = self.admin.get("/api/v1/recordings/rec-1/audio", Range="bytes=100-70099")
        self.assertEqual((answer.status, answer.body), (206, SOUND[100:70100]))
        self.assertEqual(answer.headers["content-range"], "bytes 100-70099/256000")
        self.assertEqual(answer.headers["content-length"], "70000")

    def test_range_outside(self) -> None:
        """
        A part that is not there is 416 in JSON, with the true length.
        """
        answer = self.admin.get("/api/v1/recordings/rec-1/audio", Range="bytes=256000-")
        self.assertEqual((answer.status, answer.value["error"]["code"]), (416, "range-not-satisfiable"))
        self.assertEqual(answer.headers["content-range"], "bytes */256000")

    def test_if_range(self) -> None:
        """
        A part is given only of the file that the client has the rest of.
        """
        path = "/api/v1/recordings/rec-1/audio"
        tag = self.admin.get(path).headers["etag"]
        self.assertEqual(self.admin.get(path, Range="bytes=0-9", If_Range=tag).status, 206)
        answer = self.admin.get(path, Range="bytes=0-9", If_Range='"older"')
        self.assertEqual((answer.status, answer.body), (200, SOUND))

    def test_not_modified(self) -> None:
        """
        Who has it already is told so, without a body.
        """
        path = "/api/v1/recordings/rec-1/audio"
        tag = self.admin.get(path).headers["etag"]
        answer = self.admin.get(path, If_None_Match=tag)
        self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", tag))

    def test_file_that_went_away(self) -> None:
        """
        A file removed between index and opening is 404.
        """
        self.admin.recordings.looks = False
        for name, target in (("recording.wav", "/audio"), ("recording.json", "")):
            (self.stored / name).unlink()
            answer = self.admin.get("/api/v1/recordings/rec-1" + target)
            self.assertEqual(answer.status, 404)
            self.assertIn("gone", answer.message)

    def test_file_that_shrinks(self) -> None:
        """
        A file that loses its end while it is sent cuts the connection: the client sees that it is not whole.
        """
        sound = self.stored / "recording.wav"

        def shrinking(work: Callable[[], T], /) -> Deferred[T]:
            done = at_once(work)
            sound.write_bytes(SOUND[:1000])
            return done

        request = b"GET /api/v1/recordings/rec-1/audio HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer, transport = Admin(self.directory, in_thread=shrinking).octets(request)
        self.assertIn(b"Content-Length: 256000\r\n", answer)
        self.assertLess(len(answer), 256000)
        self.assertTrue(transport.disconnecting)

    def test_file_that_cannot_be_opened(self) -> None:
        """
        A disk that fails is our fault: 500, and the log says which file.
        """
        def broken(work: Callable[[], T], /) -> Deferred[T]:
            return fail(PermissionError("no"))

        answer = Admin(self.directory, in_thread=broken).get("/api/v1/recordings/rec-1/audio")
        self.assertEqual((answer.status, answer.value["error"]["code"]), (500, "internal-error"))
        self.assertEqual(len(self.flushLoggedErrors(PermissionError)), 1)

    def test_recording_id_with_strange_characters(self) -> None:
        """
        Addresses in answers are escaped.
        """
        self.admin.recordings.rows = [evolve(self.admin.recordings.rows[0], recording_id="a b#ø")]
        row = self.admin.get("/api/v1/recordings").value["recordings"][0]
        self.assertEqual(row["links"]["audio"], "/api/v1/recordings/a%20b%23%C3%B8/audio")
        self.assertEqual(self.admin.get(row["links"]["audio"]).body, SOUND)
