"""
C{siprec recordings list|show|export|decode}: what a server has recorded, over its HTTP API.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from siprec_tw.cli.api_client import DEFAULT_URL, ApiClient, FoundRecording, recording_path, server_url
from siprec_tw.cli.arguments import argument
from siprec_tw.cli.late_decoding import ServerDecoding, decode_all
from siprec_tw.cli.offline_decoding import offline_decoder
from siprec_tw.cli.recording_export import export_recording
from siprec_tw.cli.recording_summary import summary
from siprec_tw.cli.tables import length_text, octets_text, table, utc_time
from siprec_tw.recording.verdict import VerdictKind

if TYPE_CHECKING:
    from siprec_tw.cli.arguments import Commands

FILTERS = ("participant", "text", "since", "until", "state", "limit", "cursor")
HEADINGS = ("STARTED", "LENGTH", "STATE", "VERDICT", "PARTIES", "TRACKS", "SIZE", "ID")
STATES = ("recording", "stored", *(kind.value for kind in VerdictKind))
MOST_PARTIES = 48           # characters


def add_parser(commands: Commands) -> None:
    """
    Add the subcommand with its own four.
    """
    parser = commands.add_parser("recordings", help="list, show, export and decode what was recorded")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    found = actions.add_parser("list", help="list recordings, newest first")
    found.add_argument("--participant", metavar="TEXT", help="part of an address or a name")
    found.add_argument("--text", metavar="WORDS", help="words anywhere in metadata, headers and ids")
    found.add_argument("--since", metavar="TIME", help="started at or after, e.g. 2026-11-20T10:00:00Z")
    found.add_argument("--until", metavar="TIME", help="started before")
    found.add_argument("--state", metavar="STATE", help=f"one of: {', '.join(STATES)}")
    found.add_argument("--limit", metavar="N", help="most rows of a page, 1 to 500 (default 50)")
    found.add_argument("--cursor", help="the page after one shown before")
    found.add_argument("--all", action="store_true", help="all pages")
    found.set_defaults(run=list_recordings)
    shown = actions.add_parser("show", help="show one recording")
    shown.add_argument("id")
    shown.add_argument("--json", action="store_true", help="the manifest as it is")
    shown.set_defaults(run=show_recording)
    exported = actions.add_parser("export", help="download one recording with all its files")
    exported.add_argument("id")
    exported.add_argument("--to", metavar="DIR", default=".", help="directory in which one named ID is made")
    exported.set_defaults(run=export)
    decoded = actions.add_parser("decode", help="decode what was stored without a decoder", description=(
        "Decode recordings whose packets were kept, because PyAV (the extra codecs) was missing or failed: the "
        "running server does it, or this command where none runs."
    ))
    decoded.add_argument("id", nargs="+")
    decoded.add_argument("--config", metavar="FILE", help="the configuration of a server that does not run")
    decoded.set_defaults(run=decode)
    for action in (found, shown, exported, decoded):
        add_server_arguments(action)


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """
    C{--url} and C{--token}, or the environment's SIPREC_URL and SIPREC_TOKEN.
    """
    parser.add_argument(
        "--url", type=argument(server_url), default=os.environ.get("SIPREC_URL", DEFAULT_URL),
        help=f"the server's admin.listen (default SIPREC_URL or {DEFAULT_URL})",
    )
    parser.add_argument("--token", help="one of the server's admin.tokens (default SIPREC_TOKEN)")


def api_client(arguments: argparse.Namespace) -> ApiClient:
    """
    The client that these arguments ask for.
    """
    token = os.environ.get("SIPREC_TOKEN", "") if arguments.token is None else arguments.token
    return ApiClient(arguments.url, token)


def list_recordings(arguments: argparse.Namespace) -> int:
    """
    A table of recordings.
    """
    query = {name: getattr(arguments, name) for name in FILTERS if getattr(arguments, name) is not None}
    client = api_client(arguments)
    rows: list[FoundRecording] = []
    page = client.search(query)
    rows += page.recordings
    while arguments.all and page.next_cursor is not None:
        page = client.search({**query, "cursor": page.next_cursor})
        rows += page.recordings
    if not rows:
        print("No recordings.")
        return 0
    print(table(HEADINGS, map(_cells, rows), frozenset({1, 5, 6})), end="")
    if page.next_cursor is not None:
        print(f"{len(rows)} of {page.total}; the next: --cursor {page.next_cursor}", file=sys.stderr)
    return 0


def show_recording(arguments: argparse.Namespace) -> int:
    """
    A recording's summary, or its manifest.
    """
    manifest = api_client(arguments).read(recording_path(arguments.id))
    print(manifest.decode("utf-8", "replace").rstrip() if arguments.json else summary(manifest).rstrip())
    return 0


def export(arguments: argparse.Namespace) -> int:
    """
    A recording's files, each checked against its SHA-256.
    """
    for line in export_recording(api_client(arguments), arguments.id, arguments.to):
        print(line)
    return 0


def decode(arguments: argparse.Namespace) -> int:
    """
    Decode recordings; 1 where something of one is left undecoded.
    """
    if arguments.config is None:
        return 0 if decode_all(ServerDecoding(api_client(arguments)), arguments.id) else 1
    with offline_decoder(arguments.config) as ask:
        return 0 if decode_all(ask, arguments.id, lambda _: None) else 1


def _cells(row: FoundRecording) -> tuple[str, ...]:
    stored = row.state != "recording"
    parties = ", ".join(party.name or party.aor or party.participant_id for party in row.parties)
    return (
        utc_time(row.started),
        length_text(row.duration) if stored else "-",
        row.state,
        row.verdict or "-",
        parties if len(parties) <= MOST_PARTIES else parties[:MOST_PARTIES - 1] + "...",
        str(row.tracks) if stored else "-",
        octets_text(row.size) if row.size else "-",
        row.recording_id,
    )
