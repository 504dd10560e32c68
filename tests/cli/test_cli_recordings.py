"""
siprec recordings, against an HTTP server that answers as ours does.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from siprec_tw.cli.api_client import server_url
from siprec_tw.cli.main import main
from siprec_tw.cli.private_files import private_directory, private_file
from siprec_tw.cli.recordings import STATES
from siprec_tw.cli.tables import length_text, octets_text, table, utc_time
from siprec_tw.interfaces import StreamQuality
from siprec_tw.recording.manifest import (
    CallEntry,
    Document,
    End,
    FileEntry,
    Manifest,
    Party,
    Speaker,
    Times,
    Track,
    VerdictEntry,
    WarningEntry,
    to_json,
)

SOUND = b"RIFF" + bytes(100)
OFFER = b"v=0\r\n"
TOKEN = "reader-token-0123"

ROW = {
    "recording_id": "rec1", "state": "stored", "verdict": "complete", "call_id": "a@b",
    "started": "2026-11-20T10:34:25.000Z", "ended": "2026-11-20T10:35:25.000Z", "duration": 61.2,
    "parties": [{"participant_id": "p", "aor": "sip:alice@x", "name": "Alice\x1b[31m"}],
    "tracks": 2, "path": "2026/11/20/rec1", "size": 1234567, "links": {"self": "/x"},
}
RUNNING = {**ROW, "recording_id": "rec2", "state": "recording", "verdict": "", "size": 0, "ended": None}


def manifest(name: str = "recording.wav", digest: str = sha256(SOUND).hexdigest()) -> bytes:
    return to_json(Manifest(
        schema=1, recording_id="rec1", node_id="n",
        call=CallEntry("a@b", "<sip:a@x>;tag=1", "<sip:b@x>", "sip:b@x", "udp:192.0.2.1:5060", "SBC", ()),
        times=Times("2026-11-20T10:34:25.000Z", None, "2026-11-20T10:35:25.000Z", None, 61.2),
        end=End("bye", ""), verdict=VerdictEntry("complete", ""),
        parties=(Party("p", "sip:alice@x", "Alice", None, None),),
        tracks=(Track(
            index=0, label="1", media="audio", stream_ids=("s",), participants=(Speaker("p", 0.0, None),),
            encodings=("PCMA/8000",), channel=1, files=("track-1.wav",), sample_rate=8000, samples=489600,
            lead_samples=0, packets=3060, lost=2, peak=100, segments=(), side_segments=(), gaps=(), holds=(),
            quality=StreamQuality(0.00065, 1, 0, 0.0, 0.0, 0.00065, 61.2, 0.001, 91.8, 4.38),
        ),),
        events=(), warnings=(WarningEntry("metadata-aor", "no scheme", "2026-11-20T10:34:25.000Z"),),
        metadata=None, documents=(
            Document("001-offer.sdp", "offer", "application/sdp", "INVITE 1", "", sha256(OFFER).hexdigest()),
        ),
        files=(FileEntry(name, len(SOUND), digest),),
    ))


class Server(HTTPServer):
    """
    Answers from a table of paths, and remembers what was asked.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Replies)
        self.pages: dict[str, bytes] = {
            "/api/v1/recordings/rec1": manifest(),
            "/api/v1/recordings/rec2": json.dumps(RUNNING).encode(),
            "/api/v1/recordings/rec1/files/recording.wav": SOUND,
            "/api/v1/recordings/rec1/documents/001-offer.sdp": OFFER,
        }
        self.asked: list[dict[str, list[str]]] = []


class Replies(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, b"{}")
        elif target.path == "/api/v1/recordings":
            query = parse_qs(target.query)
            self.server.asked.append(query)
            rows, cursor = ([RUNNING], None) if "cursor" in query else ([ROW], "next")
            page = {"recordings": [] if "text" in query else rows, "next_cursor": cursor, "total": 2}
            self._answer(200, json.dumps(page).encode())
        elif target.path in self.server.pages:
            self._answer(200, self.server.pages[target.path])
        else:
            self._answer(404, b'{"error": {"status": 404, "message": "There is no recording \'x\'"}}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as running:
        thread = Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        monkeypatch.setenv("SIPREC_URL", f"http://127.0.0.1:{running.server_port}")
        monkeypatch.setenv("SIPREC_TOKEN", TOKEN)
        yield running
        running.shutdown()
        thread.join()


def test_list(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A page is a table; what a peer wrote cannot colour the terminal; the cursor of the next page is told.
    """
    assert main(["recordings", "list", "--participant", "ali ce", "--limit", "1"]) == 0
    shown = capsys.readouterr()
    heading, row = shown.out.splitlines()
    assert heading.split() == ["STARTED", "LENGTH", "STATE", "VERDICT", "PARTIES", "TRACKS", "SIZE", "ID"]
    assert row.startswith("2026-11-20 10:34:25 UTC")
    assert row.split()[3:] == ["1:01", "stored", "complete", r"Alice\x1b[31m", "2", "1.2", "MB", "rec1"]
    assert shown.err == "1 of 2; the next: --cursor next\n"
    assert server.asked == [{"participant": ["ali ce"], "limit": ["1"]}]


def test_list_all_pages(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    --all follows the cursors to the end; a call that goes on has a state, and no length, verdict, tracks, size.
    """
    assert main(["recordings", "list", "--all"]) == 0
    shown = capsys.readouterr()
    assert [line.split()[-1] for line in shown.out.splitlines()[1:]] == ["rec1", "rec2"]
    assert shown.out.splitlines()[2].split()[3:] == ["-", "recording", "-", r"Alice\x1b[31m", "-", "-", "rec2"]
    assert shown.err == ""


def test_empty_list(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Nothing found is said in words.
    """
    assert main(["recordings", "list", "--text", "nobody"]) == 0
    assert capsys.readouterr().out == "No recordings.\n"


def test_states_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The help names every state that the server takes.
    """
    with pytest.raises(SystemExit):
        main(["recordings", "list", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert f"one of: {', '.join(STATES)}" in words.replace("- ", "-")


def test_show(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A recording is shown with its parties, tracks, warnings and files; --json shows the manifest as it is.
    """
    assert main(["recordings", "show", "rec1"]) == 0
    out = capsys.readouterr().out
    for text in (
        "Started:    2026-11-20 10:34:25 UTC\n",
        "Call-ID:    a@b", "Alice <sip:alice@x>", "PCMA/8000", "3060", "metadata-aor: no scheme", "104 B",
    ):
        assert text in out
    assert main(["recordings", "show", "rec1", "--json"]) == 0
    assert capsys.readouterr().out == manifest().decode()


def test_show_names_tracks_by_label(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A track goes by its label, as the verdict's sentence does, with the index of its m-line beside it.
    """
    assert main(["recordings", "show", "rec1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    number = next(n for n, line in enumerate(lines) if line.startswith("TRACK"))
    assert lines[number].split()[:2] == ["TRACK", "M-LINE"]
    assert lines[number].split()[4:8] == ["PACKETS", "LOST", "LOSS", "MOS"]
    assert lines[number + 1].split()[4:8] == ["3060", "2", "0.07%", "4.38"]
    assert lines[number + 1].split()[:2] == ["1", "0"]


def test_show_running_call(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A call that goes on has no manifest yet: what is known of it is shown.
    """
    assert main(["recordings", "show", "rec2"]) == 0
    assert "State:      recording" in capsys.readouterr().out


def test_export(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Every file comes home under the recording's id, documents too, the manifest last.
    """
    assert main(["recordings", "export", "rec1", "--to", str(tmp_path / "new")]) == 0
    home = tmp_path / "new" / "rec1"
    assert (home / "recording.wav").read_bytes() == SOUND
    assert (home / "documents" / "001-offer.sdp").read_bytes() == OFFER
    assert (home / "recording.json").read_bytes() == manifest()
    assert sorted(path.name for path in home.iterdir()) == ["documents", "recording.json", "recording.wav"]
    assert capsys.readouterr().out.splitlines()[0] == f"{home / 'recording.wav'}  104 B"


def test_export_is_private(server: Server, tmp_path: Path) -> None:
    """
    What comes home is for its owner alone, whatever the umask, and also where it was there before.
    """
    home = tmp_path / "new" / "rec1"
    home.mkdir(parents=True)
    (home / "recording.json").write_text("older")
    umask = os.umask(0)
    try:
        for path in (home, home / "recording.json"):
            path.chmod(0o777)
        assert main(["recordings", "export", "rec1", "--to", str(tmp_path / "new")]) == 0
    finally:
        os.umask(umask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))}
    assert modes == {
        "rec1": 0o700, "documents": 0o700, "recording.json": 0o600, "recording.wav": 0o600, "001-offer.sdp": 0o600,
    }


def test_private_files(tmp_path: Path) -> None:
    """
    Directories that are missing on the way are made private too; those that are there stay as they are.
    """
    tmp_path.chmod(0o755)
    umask = os.umask(0o777)
    try:
        private_directory(tmp_path / "a" / "b")
        with private_file(tmp_path / "a" / "b" / "c") as out:
            out.write(b"x")
    finally:
        os.umask(umask)
    paths = (tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c")
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o755, 0o700, 0o700, 0o600]


@pytest.mark.parametrize(("name", "digest", "complaint"), [
    ("recording.wav", "0" * 64, "its SHA-256 differs"),
    ("../escape.wav", "", "wanted a plain name"),
    ("/etc/escape", "", "wanted a plain name"),
    ("other/x.wav", "", "wanted a plain name"),
])
def test_export_of_what_is_wrong(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, digest: str, complaint: str
) -> None:
    """
    A file that differs from its digest, or whose name leaves the directory, ends the export.
    """
    server.pages["/api/v1/recordings/rec1"] = manifest(name, digest)
    assert main(["recordings", "export", "rec1", "--to", str(tmp_path)]) == 1
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "escape.wav").exists()


def test_export_of_a_running_call(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A call that goes on cannot be exported, and nothing is written.
    """
    assert main(["recordings", "export", "rec2", "--to", str(tmp_path)]) == 1
    assert "its call goes on" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_unknown_recording(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The server's own words are shown for what it does not have.
    """
    assert main(["recordings", "show", "x"]) == 1
    assert capsys.readouterr().err == "siprec: There is no recording 'x'\n"


@pytest.mark.parametrize(("token", "complaint"), [
    ("", "wants a token"), ("wrong", "does not know this token"),
])
def test_token(server: Server, capsys: pytest.CaptureFixture[str], token: str, complaint: str) -> None:
    """
    A token that is missing or unknown is told apart, with where to give one.
    """
    assert main(["recordings", "list", "--token", token]) == 1
    err = capsys.readouterr().err
    assert complaint in err
    assert "SIPREC_TOKEN" in err


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A server that does not run is told in words, with its URL.
    """
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        port = gone.server_port
    assert main(["recordings", "list", "--url", f"http://127.0.0.1:{port}"]) == 1
    assert capsys.readouterr().err.startswith(f"siprec: No server at http://127.0.0.1:{port}: ")


def test_something_else_there(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Answers that are no recordings and no manifest are told in words.
    """
    server.pages["/api/v1/recordings/rec1"] = b"<html>"
    assert main(["recordings", "show", "rec1"]) == 1
    assert "something else than a manifest" in capsys.readouterr().err


def test_wrong_url() -> None:
    """
    Only http and https URLs are taken.
    """
    assert server_url("http://127.0.0.1:8080/") == "http://127.0.0.1:8080"
    for text in ("127.0.0.1:8080", "file:///etc/passwd", "http://"):
        with pytest.raises(ValueError):
            server_url(text)
    with pytest.raises(SystemExit):
        main(["recordings", "list", "--url", "ftp://x"])


def test_tables() -> None:
    """
    Columns are as wide as their widest cell, wide characters count two; lengths and sizes are for people.
    """
    assert table(("A", "B"), [("日本", "1"), ("x", "22")], frozenset({1})) == "A      B\n日本   1\nx     22\n"
    assert [length_text(s) for s in (0.4, 65, 3605)] == ["0:00", "1:05", "1:00:05"]
    assert [octets_text(n) for n in (0, 940, 1234, 123456, 10**9, 10**13)] == [
        "0 B", "940 B", "1.2 kB", "123 kB", "1.0 GB", "10.0 TB",
    ]
    assert utc_time("yesterday") == "yesterday"
    assert utc_time("2026-11-20T10:34:25.900+01:00") == "2026-11-20 09:34:25 UTC"
