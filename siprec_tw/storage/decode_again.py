"""
A finished recording made anew from packets that were kept undecoded; blocking, and to be killed at any point.

  1. remade/<recording-id>/ gets what the recording was made of, as links to the same files,
  2. it is made there as it was made the first time,
  3. both directories change places in one step: who looks finds the former recording or the new one, no mixture,
  4. the index is told, and what lies in remade/ is removed.

What a killed process left in remade/ is cleared away at the next start, when the index is told once more what holds.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from siprec_tw.errors import LocalError
from siprec_tw.recording.layout import DOCUMENTS, JOURNAL, REMADE, final_path
from siprec_tw.recording.manifest import Manifest, WarningEntry, posix
from siprec_tw.recording.tones import Tones
from siprec_tw.storage.decoding import Decode, decode
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import UNDECODED, Finished, clean, make, read_manifest
from siprec_tw.storage.spooled import parts_of


def undecoded(manifest: Manifest) -> tuple[WarningEntry, ...]:
    """
    What of a recording was not decoded and can be tried again: the library was missing, or its program died.
    """
    return tuple(warning for warning in manifest.warnings if warning.code in UNDECODED)


def decode_again(
    root: Path, path: str, disk: Disk, tones: Tones = Tones.KEEP, decode: Decode = decode
) -> Finished | None:
    """
    Make a finished recording anew from its segments. None when nothing of it was left undecoded. The former
    recording lies in remade/ then, until L{forget} removes it.

    @param path: relative to C{root}. Raises LocalError when there is no recording, OSError when the disk does
        not take it; both leave it as it was.
    """
    directory = root / path
    manifest = read_manifest(directory)
    if manifest is None:
        raise LocalError(f"there is no recording in {path}")
    if not undecoded(manifest):
        return None
    remade = root / REMADE / directory.name
    try:
        _gather(directory, remade, disk)
        manifest = make(remade, disk, tones, decode)
        clean(remade, manifest, disk)
        disk.exchange(directory, remade)
    except Exception:
        shutil.rmtree(remade, ignore_errors=True)
        raise
    return Finished(manifest, path)


def forget(root: Path, recording_id: str) -> None:
    """
    Remove the former files of a recording that was made anew. Raises OSError.
    """
    shutil.rmtree(root / REMADE / recording_id)


def left_over(root: Path) -> list[str]:
    """
    The names of what a killed process left in remade/, in the order in which they are to be cleared.
    """
    remade = root / REMADE
    return sorted(path.name for path in remade.iterdir()) if remade.is_dir() else []


def clear(root: Path, name: str, disk: Disk) -> Finished | None:
    """
    Remove what was left under this name; where its place is empty, it takes that place instead. The recording
    that holds now, or None where what was left tells of none. Raises OSError.
    """
    left = root / REMADE / name
    manifest = read_manifest(left)
    if manifest is None:
        shutil.rmtree(left)
        return None
    path = final_path(posix(manifest.times.started), manifest.recording_id)
    if (root / path).exists():
        shutil.rmtree(left)
    else:
        disk.make_directory((root / path).parent)
        disk.move(left, root / path)
    holds = read_manifest(root / path)
    return None if holds is None else Finished(holds, path)


def _gather(directory: Path, remade: Path, disk: Disk) -> None:
    """
    Everything that the recording is made of, once more.
    """
    if remade.exists():
        shutil.rmtree(remade)
    documents = directory / DOCUMENTS
    kept = sorted(documents.iterdir()) if documents.is_dir() else []
    disk.make_directory(remade / DOCUMENTS if kept else remade)
    for path in (directory / JOURNAL, *parts_of(directory)):
        if path.exists():
            disk.link(path, remade / path.name)
    for path in kept:
        disk.link(path, remade / DOCUMENTS / path.name)
