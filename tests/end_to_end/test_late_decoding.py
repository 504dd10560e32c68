"""
Recordings that were stored without a decoder, decoded later by a running server; and one that is killed meanwhile.
"""

from __future__ import annotations

import signal
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from running_server import RunningServer

from siprec_tw.cli.main import main

sys.path.append(str(Path(__file__).parent.parent / "storage"))

from mortal_disk import contents
from undecoded_fixtures import codes, stored, stored_undecoded, whole

ROUNDS = 200        # of two seconds: enough to be killed in the midst of it


def decode(server: RunningServer, *recording_ids: str) -> int:
    return main(["recordings", "decode", *recording_ids, "--url", f"http://127.0.0.1:{server.admin_port}"])


def test_running_server_decodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The command waits until it is done; every file is as it would have been at once, and the index knows.
    """
    server = RunningServer(tmp_path)
    late = stored_undecoded(server.recordings)
    wanted = contents(stored(tmp_path / "at-once"))
    server.start()
    try:
        before = server.json("/api/v1/recordings")["recordings"][0]["size"]
        assert decode(server, "r1", "x") == 1
        shown = capsys.readouterr()
        assert (shown.out, shown.err) == ("r1  decoded\n", "siprec: There is no recording 'x'\n")
        assert contents(late) == wanted
        after = server.json("/api/v1/recordings")["recordings"][0]["size"]
        assert after == len(wanted["recording.wav"]) > before
        assert not list((server.recordings / "remade").iterdir())
    finally:
        server.kill()
    assert not server.errors(), server.log()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_server_that_ends_while_it_decodes(tmp_path: Path, end: signal.Signals) -> None:
    """
    Killed or stopped meanwhile, it leaves the recording whole as it was; after a start it is decoded.
    """
    server = RunningServer(tmp_path)
    late = stored_undecoded(server.recordings, rounds=ROUNDS)
    before = contents(late)
    server.start()
    try:
        assert post(server) == 202
        server.wait("the decoding", lambda: list((server.recordings / "remade").glob("r1/*.linear.tmp")))
        begun = time.monotonic()
        if end is signal.SIGKILL:
            server.kill()
        else:
            assert server.stop() == -signal.SIGTERM
        assert time.monotonic() - begun < 20
        assert contents(late) == before and codes(late) == ["decoder-missing"]
        server.start()
        assert not list((server.recordings / "remade").iterdir())
        assert decode(server, "r1") == 0
        whole(late)
        assert codes(late) == []
    finally:
        server.kill()
    assert not server.errors(), server.log()


def post(server: RunningServer) -> int:
    """
    Ask for the decoding once; the status of the answer.
    """
    url = f"http://127.0.0.1:{server.admin_port}/api/v1/recordings/r1/decode"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as answer:
        status: int = answer.status
        return status
