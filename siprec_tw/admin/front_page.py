"""
C{/}: the calls that are up, the newest recordings, each to be heard, and where everything else is.

The page is made here, whole: no script runs in it, and its policy lets none run.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.calls import call_url
from siprec_tw.admin.page_text import length_text, link_html, parties_html, table_html, text_html, time_html
from siprec_tw.admin.recording_search import MOST_ROWS, recording_url
from siprec_tw.admin.reply import Answer, Reply
from siprec_tw.admin.style_sheet import PATH as STYLE_PATH
from siprec_tw.errors import LocalError
from siprec_tw.interfaces import (
    CallView,
    RecordingPage,
    RecordingQuery,
    RecordingRow,
    RunningCalls,
    StoredRecordings,
)
from siprec_tw.recording.verdict import VerdictKind

SHOWN = 20                  # recordings
MOST_CALLS = 50
POLICY = (
    "default-src 'none'; style-src 'self'; media-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LINKS = (
    ("/api/v1/calls", "Running calls"),
    ("/api/v1/recordings", "Recordings"),
    ("/health/live", "Is it alive?"),
    ("/health/ready", "Does it take calls?"),
    ("/metrics", "Metrics"),
)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>siprec_tw</title>
<link rel="stylesheet" href="{style}">
</head>
<body>
<h1>siprec_tw</h1>
<p class="quiet">A SIPREC session recording server, version {version}</p>
{body}
<h2>More</h2>
<ul class="links">
{links}
</ul>
</body>
</html>
"""
TOKEN_NEEDED = """<p>This server needs a token, and a browser sends none: ask with
<code>curl -H "Authorization: Bearer TOKEN"</code> or <code>siprec recordings list --token TOKEN</code>.
Only the two <code>/health</code> pages are open.</p>"""


@frozen
class FrontPage:
    """
    The page.
    """

    calls: RunningCalls
    recordings: StoredRecordings
    version: str
    guarded: bool           # tokens are needed: nothing but the links is shown

    async def show(self, ask: Ask) -> Answer:
        """
        HTML without anything from elsewhere.
        """
        body = TOKEN_NEEDED if self.guarded else await self._contents()
        links = "\n".join(f"<li>{link_html(path, text)} <code>{path}</code></li>" for path, text in LINKS)
        page = PAGE.format(style=STYLE_PATH, version=text_html(self.version), body=body, links=links)
        headers = (("Content-Security-Policy", POLICY),)
        return Reply(200, page.encode("utf-8", "replace"), "text/html; charset=utf-8", headers)

    async def _contents(self) -> str:
        running = self.calls.calls()
        return f"{calls_html(running)}\n{await self._recordings_html(running)}"

    async def _recordings_html(self, running: Sequence[CallView]) -> str:
        try:
            page = await self.recordings.search(RecordingQuery(limit=min(SHOWN + len(running), MOST_ROWS)))
        except LocalError as error:     # while the server starts or stops, the index is not open
            return f"<h2>Recordings</h2>\n<p>They cannot be listed now: {text_html(str(error))}.</p>"
        up = {call.recording_id for call in running}
        rows = [row for row in page.rows if row.recording_id not in up]
        return recordings_html(evolve(page, rows=tuple(rows[:SHOWN]), total=page.total - len(page.rows) + len(rows)))


def calls_html(calls: Sequence[CallView]) -> str:
    """
    The calls that are up, newest first.
    """
    if not calls:
        return "<h2>Running calls</h2>\n<p>None.</p>"
    rows = [_call_cells(call) for call in reversed(calls[-MOST_CALLS:])]
    table = table_html(("Started", "State", "Parties", "From", "Packets", "MOS", ""), rows)
    return f"<h2>Running calls ({len(calls)})</h2>\n{table}"


def recordings_html(page: RecordingPage) -> str:
    """
    The newest recordings.
    """
    if not page.rows:
        return "<h2>Recordings</h2>\n<p>None yet.</p>"
    table = table_html(("Started", "Length", "Verdict", "Parties", "Sound", ""), [_row_cells(row) for row in page.rows])
    of = f"the newest {len(page.rows)} of {page.total}" if page.total > len(page.rows) else f"{page.total}"
    return f"<h2>Recordings ({of})</h2>\n{table}"


def _call_cells(call: CallView) -> tuple[str, ...]:
    packets = sum(track.report.packets for track in call.tracks if track.report is not None)
    return (
        f'<td class="time">{time_html(call.started)}</td>',
        f"<td>{text_html(call.state)}</td>",
        f'<td class="parties">{parties_html(call.parties)}</td>',
        f"<td>{text_html(call.source)}</td>",
        f'<td class="number">{packets}</td>',
        f"<td>{_quality_html(call)}</td>",
        f"<td>{link_html(call_url(call.recording_id), 'details')}</td>",
    )


def _quality_html(call: CallView) -> str:
    """
    The score of the worst track, and who should be heard and is not.
    """
    rated = [track.report.quality for track in call.tracks if track.report is not None]
    worst = min((one.mos for one in rated if one is not None and one.mos is not None), default=None)
    silent = [track.label or str(track.index) for track in call.tracks if track.silent_since is not None]
    marks = [f'<span class="bad">silent: {text_html(", ".join(silent))}</span>'] if silent else []
    return " ".join(["-" if worst is None else f"{worst:.1f}", *marks])


def _row_cells(row: RecordingRow) -> tuple[str, ...]:
    base = recording_url(row.recording_id)
    stored = bool(row.path)
    links = [link_html(base, "manifest" if stored else "details")]
    if stored:
        links.append(link_html(f"{base}/metadata", "metadata"))
    if row.size:
        links.append(link_html(f"{base}/audio?download=1", "download"))
    return (
        f'<td class="time">{time_html(row.started)}</td>',
        f'<td class="number">{length_text(row.duration) if stored else "-"}</td>',
        f"<td>{_verdict_html(row)}</td>",
        f'<td class="parties">{parties_html(row.parties)}</td>',
        f"<td>{_sound_html(base, row)}</td>",
        f"<td>{' '.join(links)}</td>",
    )


def _verdict_html(row: RecordingRow) -> str:
    if not row.verdict:
        return '<span class="quiet">not stored yet</span>'
    kind = "good" if row.verdict == VerdictKind.COMPLETE.value else "bad"
    return f'<span class="{kind}">{text_html(row.verdict)}</span>'


def _sound_html(base: str, row: RecordingRow) -> str:
    if not row.size:
        return "-"
    return f'<audio controls preload="none" src="{text_html(base)}/audio"></audio>'
