"""
The front page: what is up, what was recorded, and nothing that a peer wrote as anything but text.
"""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from pathlib import Path

from admin_fakes import ALICE, CALL, RECORDING, STORED, TOKENS, Admin
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.admin.front_page import SHOWN
from siprec_tw.admin.page_text import MOST_PARTIES, length_text, time_html
from siprec_tw.errors import LocalError
from siprec_tw.interfaces import PartyView, RecordingQuery

ATTACK = "\"><script>alert(1)</script>'\u202e"


class FrontPageTests(SynchronousTestCase):
    """
    C{GET /} of a server without tokens.
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        stored = self.directory / STORED.path
        stored.mkdir(parents=True)
        (stored / "recording.json").write_text('{"documents": [], "metadata": null}')
        (stored / "recording.wav").write_bytes(b"RIFF")
        self.admin = Admin(self.directory)

    def page(self) -> str:
        answer = self.admin.get("/")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/html; charset=utf-8"))
        return answer.body.decode()

    def test_links(self) -> None:
        """
        Nothing is taken from elsewhere, and every address on the page leads somewhere.
        """
        page = self.page()
        self.assertNotIn("//", page)
        addresses = re.findall('(?:href|src)="([^"]+)"', page)
        self.assertEqual(len(addresses), 11)
        for address in addresses:
            self.assertEqual(self.admin.get(address).status, 200, address)

    def test_policy(self) -> None:
        """
        The page may load its style and sounds from here, and nothing else; nothing stands in it that needs more.
        """
        answer = self.admin.get("/")
        self.assertEqual(answer.headers["content-security-policy"], (
            "default-src 'none'; style-src 'self'; media-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ))
        for inline in (b"<script", b"<style", b" style=", b" onclick="):
            self.assertNotIn(inline, answer.body)
        style = self.admin.get("/style.css")
        self.assertEqual((style.status, style.headers["content-type"]), (200, "text/css; charset=utf-8"))

    def test_recording(self) -> None:
        """
        A stored recording is told with start, length, verdict and parties, can be heard, and has its links.
        """
        page = self.page()
        base = "/api/v1/recordings/rec-1"
        for text in (
            'title="2026-11-20T09:26:37.250Z (UTC)"', ">0:30<", '<span class="good">complete</span>', ">Alice<",
            ">Bøb<", f'<audio controls preload="none" src="{base}/audio"></audio>', f'href="{base}"',
            f'href="{base}/metadata"', f'href="{base}/audio?download=1"', "(the newest 1 of 11)",
        ):
            self.assertIn(text, page)

    def test_running_calls(self) -> None:
        """
        A call that is up stands among the calls and not among the recordings.
        """
        page = self.page()
        self.assertIn("Running calls (1)", page)
        self.assertIn('href="/api/v1/calls/rec-7"', page)
        self.assertIn('<td class="number">50</td>', page)
        self.assertIn('<td>4.0 <span class="bad">silent: 2</span></td>', page)
        self.assertNotIn("/api/v1/recordings/rec-7", page)

    def test_not_stored_yet(self) -> None:
        """
        A recording whose call is over and which is not stored is shown without sound, length and verdict.
        """
        self.admin.calls.running = []
        self.admin.recordings.rows = [RECORDING]
        page = self.page()
        self.assertIn("not stored yet", page)
        self.assertIn('href="/api/v1/recordings/rec-7"', page)
        self.assertNotIn("<audio", page)
        self.assertIn("<p>None.</p>", page)

    def test_recording_that_is_not_complete(self) -> None:
        """
        Another verdict than complete catches the eye; a recording without sound has no player.
        """
        self.admin.recordings.rows = [evolve(STORED, verdict="silent", size=0)]
        page = self.page()
        self.assertIn('<span class="bad">silent</span>', page)
        self.assertNotIn("<audio", page)
        self.assertNotIn("download", page)

    def test_newest(self) -> None:
        """
        So many recordings are asked for that twenty are left beside those whose calls are up.
        """
        self.admin.recordings.rows = [RECORDING, *(evolve(STORED, recording_id=f"r{n}") for n in range(SHOWN + 1))]
        page = self.page()
        self.assertEqual(self.admin.recordings.queries, [RecordingQuery(limit=SHOWN + 1)])
        self.assertEqual(page.count("<audio"), SHOWN)

    def test_nothing_yet(self) -> None:
        """
        A new server says that there is nothing.
        """
        self.admin.calls.running = []
        self.admin.recordings.rows = []
        self.assertIn("None yet.", self.page())

    def test_escaping(self) -> None:
        """
        What peers wrote is text wherever it stands, also where it would turn the direction of writing.
        """
        party = PartyView(ATTACK, ATTACK, ATTACK)
        self.admin.calls.running = [evolve(
            CALL, recording_id=ATTACK, state=ATTACK, source=ATTACK, parties=(party,),
        )]
        self.admin.recordings.rows = [evolve(STORED, recording_id="a" + ATTACK, verdict=ATTACK, parties=(party,))]
        page = self.page()
        for raw in ("<script", "\u202e", "'\">"):
            self.assertNotIn(raw, page)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", page)
        self.assertIn("/api/v1/recordings/a%22%3E%3Cscript%3E", page)

    def test_surrogates(self) -> None:
        """
        A name that came from octets which are no UTF-8 does not break the page.
        """
        self.admin.recordings.rows = [evolve(STORED, parties=(evolve(ALICE, name="\udcff"),))]
        self.assertIn("\\udcff", self.page())

    def test_many_parties(self) -> None:
        """
        Of many parties the first are shown, of a long name its beginning.
        """
        parties = tuple(evolve(ALICE, name=f"{n} " + "x" * 500) for n in range(MOST_PARTIES + 3))
        self.admin.recordings.rows = [evolve(STORED, parties=parties)]
        page = self.page()
        self.assertIn("and 3 more", page)
        self.assertNotIn("x" * 80, page)

    def test_index_that_is_not_open(self) -> None:
        """
        While the server starts or stops, the page says that recordings cannot be listed.
        """
        self.admin.recordings.failure = LocalError("the recordings index is not open")
        self.assertIn("They cannot be listed now: the recordings index is not open.", self.page())

    def test_host(self) -> None:
        """
        No page is shown to another name: it came by DNS rebinding.
        """
        for path in ("/", "/style.css"):
            self.assertEqual(self.admin.raw(path, host="evil.example").status, 403)

    def test_texts(self) -> None:
        """
        Instants are shown in a zone with its name, lengths as a clock shows them.
        """
        zone = timezone(timedelta(hours=1), "CET")
        self.assertEqual(time_html(1795166797.25, zone), (
            '<time datetime="2026-11-20T09:26:37.250Z" title="2026-11-20T09:26:37.250Z (UTC)">'
            "2026-11-20 10:26:37 CET</time>"
        ))
        self.assertEqual([length_text(s) for s in (0.4, 65, 3605)], ["0:00", "1:05", "1:00:05"])


class GuardedFrontPageTests(SynchronousTestCase):
    """
    C{GET /} of a server with tokens.
    """

    def test_only_links(self) -> None:
        """
        The page is open and shows links alone; nothing was looked up, and it says that a token is needed.
        """
        admin = Admin(tokens=TOKENS)
        answer = admin.get("/")
        self.assertEqual(answer.status, 200)
        self.assertIn(b"needs a token", answer.body)
        self.assertEqual(len(re.findall(b'href="/(?!style)', answer.body)), 5)
        for told in (b"Alice", b"rec-7", b"rec-1", b"<audio"):
            self.assertNotIn(told, answer.body)
        self.assertEqual(admin.recordings.queries, [])
