"""
siprec recordings decode: by a running server, or on the directory where none runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from siprec_tw.cli.late_decoding import INTERVAL, decode_all
from siprec_tw.cli.main import main
from siprec_tw.interfaces import LateDecoding
from siprec_tw.storage.directory_lock import DirectoryLock

sys.path.append(str(Path(__file__).parent.parent / "storage"))

from undecoded_fixtures import codes, stored_undecoded, whole

DECODED = {"recording_id": "r1", "state": "decoded", "reasons": []}


class Replies(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        status, value = self.server.answers.pop(0)
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(HTTPServer):
    """
    Gives one answer after another, and remembers what was asked.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Replies)
        self.asked: list[tuple[str, str]] = []
        self.answers: list[tuple[int, object]] = []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as running:
        thread = Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        monkeypatch.setenv("SIPREC_URL", f"http://127.0.0.1:{running.server_port}")
        monkeypatch.setenv("SIPREC_TOKEN", "an operator")
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "siprec.yaml"
    file.write_text(yaml.safe_dump({"recording": {"directory": str(tmp_path / "recordings")}}))
    return file


def test_server_decodes(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The server is asked until it is over, with the token; several recordings one after another.
    """
    going_on, other = {**DECODED, "state": "decoding"}, {**DECODED, "recording_id": "r/2"}
    server.answers = [(202, going_on), (200, DECODED), (200, other)]
    assert main(["recordings", "decode", "r1", "r/2"]) == 0
    assert capsys.readouterr().out == "r1  decoded\nr/2  decoded\n"
    assert server.asked == [
        ("/api/v1/recordings/r1/decode", "Bearer an operator"), ("/api/v1/recordings/r1/decode", "Bearer an operator"),
        ("/api/v1/recordings/r%2F2/decode", "Bearer an operator"),
    ]


def test_it_is_asked_for_patiently() -> None:
    """
    Half a second lies between two questions.
    """
    answers = [LateDecoding("decoding"), LateDecoding("decoding"), LateDecoding("decoded")]
    slept: list[float] = []
    assert decode_all(lambda _: answers.pop(0), ["r1"], slept.append)
    assert slept == [INTERVAL, INTERVAL]


def test_what_is_refused(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The server's words are shown, the others are decoded nevertheless, and the command fails.
    """
    refused = {"error": {"status": 409, "message": "Recording 'r1' has nothing left to decode"}}
    reasons = ["track 2: G722 is not decoded: PyAV is not installed (pip install 'siprec_tw[codecs]')"]
    server.answers = [(409, refused), (200, DECODED), (200, {**DECODED, "state": "undecoded", "reasons": reasons})]
    assert main(["recordings", "decode", "r1", "r2", "r3"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "r2  decoded\nr3  undecoded\n"
    assert shown.err == f"siprec: Recording 'r1' has nothing left to decode\nsiprec: r3: {reasons[0]}\n"


def test_something_else_there(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """
    An answer that is no decoding is told in words.
    """
    server.answers = [(200, [])]
    assert main(["recordings", "decode", "r1"]) == 1
    assert "something else than a decoding" in capsys.readouterr().err


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where no server runs, it is said once how to decode without one.
    """
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        url = f"http://127.0.0.1:{gone.server_port}"
    assert main(["recordings", "decode", "r1", "r2", "--url", url]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"siprec: No server at {url}") and line.endswith("Where none runs, give its --config")


@pytest.mark.processes
def test_without_a_server(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    On the directory itself: the recording is made anew, whole, and what is not there is told.
    """
    directory = stored_undecoded(tmp_path / "recordings")
    assert main(["recordings", "decode", "--config", str(config), "r1", "r1", "x"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "r1  decoded\n"
    assert shown.err == "siprec: Recording 'r1' has nothing left to decode\nsiprec: There is no recording 'x'\n"
    whole(directory)
    assert codes(directory) == []


def test_directory_that_a_server_has(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    While a server runs, it is the one that decodes.
    """
    lock = DirectoryLock(tmp_path / "recordings")
    lock.take()
    try:
        assert main(["recordings", "decode", "--config", str(config), "r1"]) == 1
    finally:
        lock.release()
    err = capsys.readouterr().err
    assert "in use by another recorder" in err and "leave out --config" in err


def test_directory_of_another_user(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What root would make there, the server could not read: nothing is touched.
    """
    stored_undecoded(tmp_path / "recordings")
    before = sorted((tmp_path / "recordings").rglob("*"))
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert main(["recordings", "decode", "--config", str(config), "r1"]) == 1
    assert "run this as that user" in capsys.readouterr().err
    assert sorted((tmp_path / "recordings").rglob("*")) == before


def test_directory_that_is_not_there(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    It is told and not made; so are faults of the configuration.
    """
    assert main(["recordings", "decode", "--config", str(config), "r1"]) == 1
    assert f"there is no {tmp_path / 'recordings'}" in capsys.readouterr().err
    assert not (tmp_path / "recordings").exists()
    assert main(["recordings", "decode", "--config", str(tmp_path / "none.yaml"), "r1"]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_index_that_cannot_be_opened(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    It is told in words, and the directory is free again.
    """
    (tmp_path / "recordings" / "index.sqlite").mkdir(parents=True)
    assert main(["recordings", "decode", "--config", str(config), "r1"]) == 1
    assert "unable to open" in capsys.readouterr().err
    DirectoryLock(tmp_path / "recordings").take()
