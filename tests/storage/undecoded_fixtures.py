"""
Recordings that were stored without PyAV, and what is to be true of any recording.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from unittest import mock

from packet_fixtures import sent, steady
from storage_fixtures import METADATA, STARTED, Spooling, noise

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording.manifest import Manifest, from_json
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import finalise

sys.path.append(str(Path(__file__).parent.parent / "codecs"))

from codec_signals import payloads

G722 = PayloadFormat(9, "G722", 8000)
DISK = Disk(sync=False)
PLACE = "2026/09/21/r1"


def spooled(root: Path, recording_id: str = "r1", rounds: int = 1) -> None:
    """
    A call in the spool: G.711 of a second, and G.722 of two seconds C{rounds} times.
    """
    spooling = Spooling(root, recording_id)
    spooling.start(("a", "96"), ("b", "97"))
    spooling.segment("a", sound=noise(1, 8000))
    sent(spooling, "b", G722, steady(payloads("g722") * rounds, 160), arrival=STARTED + 1)
    spooling.document("001-metadata.xml", METADATA)
    spooling.end()


def stored_undecoded(root: Path, recording_id: str = "r1", rounds: int = 1) -> Path:
    """
    The same, stored where PyAV is not installed; its directory.
    """
    spooled(root, recording_id, rounds)
    with mock.patch.dict(sys.modules, {"av": None}):
        return root / finalise(root, recording_id, DISK).path


def stored(root: Path, recording_id: str = "r1", rounds: int = 1) -> Path:
    """
    The same, stored where it is.
    """
    spooled(root, recording_id, rounds)
    return root / finalise(root, recording_id, DISK).path


def whole(directory: Path) -> Manifest:
    """
    The manifest of a recording, each of whose files is what it says.
    """
    manifest = from_json((directory / "recording.json").read_bytes())
    for entry in manifest.files:
        octets = (directory / entry.name).read_bytes()
        assert (len(octets), sha256(octets).hexdigest()) == (entry.octets, entry.sha256), entry.name
    return manifest


def codes(directory: Path) -> list[str]:
    """
    The codes of a recording's warnings.
    """
    warnings = json.loads((directory / "recording.json").read_bytes())["warnings"]
    return [warning["code"] for warning in warnings]
