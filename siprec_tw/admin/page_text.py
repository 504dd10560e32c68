"""
Values as pages show them: everything escaped, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from html import escape

from siprec_tw.interfaces import PartyView
from siprec_tw.log_lines import escaped
from siprec_tw.recording.manifest import iso

MOST_PARTIES = 6
MOST_TEXT = 80              # characters of a name


def text_html(text: str) -> str:
    """
    A text as HTML; control characters and those that turn the direction of writing are shown as escapes.
    """
    return escape(escaped(text))


def link_html(address: str, text: str) -> str:
    """
    A link.
    """
    return f'<a href="{text_html(address)}">{text_html(text)}</a>'


def time_html(instant: float, zone: tzinfo | None = None) -> str:
    """
    An instant (POSIX seconds) in the zone of this machine; the UTC is its title.
    """
    local = datetime.fromtimestamp(instant, UTC).astimezone(zone)
    shown = f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"
    utc = iso(instant)
    return f'<time datetime="{utc}" title="{utc} (UTC)">{text_html(shown)}</time>'


def length_text(seconds: float) -> str:
    """
    A length as a clock would show it: "1:05", "1:00:05".
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def parties_html(parties: Sequence[PartyView]) -> str:
    """
    Who took part, by name or else by address; the first few of many.
    """
    shown = [_party_html(party) for party in parties[:MOST_PARTIES]]
    if len(parties) > MOST_PARTIES:
        shown.append(f"and {len(parties) - MOST_PARTIES} more")
    return ", ".join(shown) or "-"


def table_html(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """
    A table of cells that are HTML already, each with its C{<td>}.
    """
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _party_html(party: PartyView) -> str:
    text = party.name or party.aor or party.participant_id
    shown = text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "..."
    return f'<span title="{text_html(party.aor[:MOST_TEXT])}">{text_html(shown)}</span>'
