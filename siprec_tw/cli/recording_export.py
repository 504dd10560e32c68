"""
A recording brought home: every file that its manifest names, checked against its SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path, PurePosixPath

from siprec_tw.cli.api_client import ApiClient, recording_path
from siprec_tw.cli.private_files import private_directory, private_file
from siprec_tw.cli.tables import octets_text
from siprec_tw.errors import SiprecError
from siprec_tw.recording.layout import DOCUMENTS, MANIFEST, is_recording_id
from siprec_tw.recording.manifest import Manifest, from_json


def export_recording(client: ApiClient, recording_id: str, parent: str) -> Iterator[str]:
    """
    Download into C{parent/recording_id}, for its owner's eyes only; a line for each file as it is there. The
    manifest comes last.

    Raises L{SiprecError}: not stored yet, damaged on the way, or not to be written here.
    """
    if not is_recording_id(recording_id):
        raise SiprecError(f"{recording_id!r} is not the id of a recording")
    document = client.read(recording_path(recording_id))
    try:
        manifest = from_json(document)
    except ValueError:
        raise SiprecError(f"Recording {recording_id} is not stored yet: its call goes on") from None
    directory = Path(parent) / recording_id
    try:
        private_directory(directory)
        for name, digest in _files(manifest).items():
            yield _download(client, recording_id, name, digest, directory)
        with private_file(directory / MANIFEST) as manifest_file:
            manifest_file.write(document)
    except OSError as error:
        raise SiprecError(f"Cannot write {error.filename or directory}: {error.strerror}") from error
    yield str(directory / MANIFEST)


def _files(manifest: Manifest) -> dict[str, str]:
    """
    Name below the recording's directory, and SHA-256.
    """
    files = {entry.name: entry.sha256 for entry in manifest.files if entry.name != MANIFEST}
    for document in manifest.documents:
        if document.sha256 is not None:
            files.setdefault(f"{DOCUMENTS}/{document.name}", document.sha256)
    return files


def _download(client: ApiClient, recording_id: str, name: str, digest: str, directory: Path) -> str:
    steps = PurePosixPath(name).parts
    plain = all(step not in ("", ".", "..", "/") and "\\" not in step for step in steps)
    if not plain or len(steps) not in (1, 2) or (len(steps) == 2 and steps[0] != DOCUMENTS):
        raise SiprecError(f"The manifest names a file {name!r}, wanted a plain name")
    file = directory.joinpath(*steps)
    private_directory(file.parent)
    route = steps if len(steps) == 2 else ("files", name)
    size = client.save(recording_path(recording_id, *route), file)
    with file.open("rb") as saved:
        if file_digest(saved, "sha256").hexdigest() != digest:
            raise SiprecError(f"{file} is not what the manifest says: its SHA-256 differs")
    return f"{file}  {octets_text(size)}"
