"""
Events as lines: for people and as JSON, without secrets and without lines made by strangers.
"""

from __future__ import annotations

import io
import json

from twisted.logger import ILogObserver, Logger, LogPublisher
from twisted.python.log import LogPublisher as OldPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from siprec_tw.log_lines import json_observer, text_observer

WHEN = 1795170865.123       # 2026-11-20T10:34:25.123Z


class LineTests(SynchronousTestCase):
    """
    What a logger says, as the observers write it.
    """

    def setUp(self) -> None:
        self.text = io.StringIO()
        self.json = io.StringIO()
        publisher = LogPublisher(text_observer(self.text), json_observer(self.json))
        self.log = Logger(
            "siprec_tw.recorder.call.Call", observer=lambda event: publisher({**event, "log_time": WHEN})
        )

    def record(self) -> dict[str, object]:
        found = json.loads(self.json.getvalue())
        assert isinstance(found, dict)
        return found

    def test_observers_are_observers(self) -> None:
        """
        Both provide Twisted's interface.
        """
        verifyObject(ILogObserver, text_observer(self.text))
        verifyObject(ILogObserver, json_observer(self.json))

    def test_sentence_and_fields(self) -> None:
        """
        The sentence is formatted; the fields that it does not show follow as name=value.
        """
        self.log.info(
            "Recording {recording_id} stored: {tracks} tracks, {duration:.1f} s",
            recording_id="abc", tracks=2, duration=31.42, call_id="a@b", complete=True,
        )
        self.assertEqual(self.text.getvalue(), (
            "2026-11-20T10:34:25.123Z info  call  "
            "Recording abc stored: 2 tracks, 31.4 s  call_id=a@b complete=true\n"
        ))
        self.assertEqual(self.record(), {
            "time": "2026-11-20T10:34:25.123Z",
            "level": "info",
            "namespace": "siprec_tw.recorder.call.Call",
            "message": "Recording abc stored: 2 tracks, 31.4 s",
            "fields": {
                "recording_id": "abc", "tracks": 2, "duration": 31.42, "call_id": "a@b", "complete": True,
            },
        })

    def test_sentence_alone(self) -> None:
        """
        A sentence without further fields ends its line.
        """
        self.log.warn("Draining")
        self.assertEqual(self.text.getvalue(), "2026-11-20T10:34:25.123Z warn  call  Draining\n")

    def test_values_are_quoted_where_needed(self) -> None:
        """
        Empty values and those with blanks, quotes, equals signs or backslashes stand in quotes.
        """
        self.log.info("x", a="", b="two words", c='say "hi"', d="k=v", e="back\\slash", f="é", g=1.5)
        self.assertTrue(self.text.getvalue().endswith(
            'x  a="" b="two words" c="say \\"hi\\"" d="k=v" e="back\\\\slash" f="é" g=1.5\n'
        ))

    def test_nobody_writes_lines_of_his_own(self) -> None:
        """
        Line feeds, escapes and characters that change direction are escaped, in sentence and fields.
        """
        bad = "x\r\n2026 \x1b[31m\u2028\u202e\ud800"
        self.log.info("From {who}", who=bad, other=bad)
        self.assertEqual(self.text.getvalue().count("\n"), 1)
        self.assertEqual(self.text.getvalue().count(r"x\r\n2026 \x1b[31m\u2028\u202e\ud800"), 2)
        self.assertEqual(self.json.getvalue().count("\n"), 1)
        self.assertEqual(self.record()["fields"], {"who": bad, "other": bad})

    def test_secrets_are_masked(self) -> None:
        """
        Fields named like secrets are masked wherever they are shown; a keyboard is not a key.
        """
        self.log.info("Used {token}", token="hunter2", api_key="hunter2", Password="hunter2", keyboard="qw")
        for line in (self.text.getvalue(), self.json.getvalue()):
            self.assertNotIn("hunter2", line)
            self.assertIn("qw", line)
        self.assertIn("********  Password=******** api_key=******** keyboard=qw", self.text.getvalue())

    def test_failure_has_its_traceback(self) -> None:
        """
        A failure's traceback follows, indented, and is a field of the JSON object.
        """
        try:
            raise ValueError("broken\x1b[0m")
        except ValueError:
            self.log.failure("Could not write {path}", path="/r")
        lines = self.text.getvalue().splitlines()
        self.assertIn("critical call  Could not write /r", lines[0])
        self.assertTrue(all(line.startswith("    ") for line in lines[1:]))
        self.assertIn(r"ValueError: broken\x1b[0m", lines[-1])
        self.assertIn("ValueError: broken", str(self.record()["traceback"]))
        self.flushLoggedErrors(ValueError)

    def test_level(self) -> None:
        """
        Events below the observer's level are not written.
        """
        file = io.StringIO()
        log = Logger("a", observer=text_observer(file, "warn"))
        log.debug("d")
        log.info("i")
        log.warn("w")
        log.error("e")
        self.assertEqual([line.split("  ")[-1] for line in file.getvalue().splitlines()], ["w", "e"])
        self.assertEqual(self.text.getvalue(), "")

    def test_objects_are_not_fields(self) -> None:
        """
        Only text, numbers and booleans are listed; numbers that JSON does not know are text.
        """
        self.log.info("x", peer=object(), parts=["a"], jitter=float("nan"), count=0)
        self.assertTrue(self.text.getvalue().endswith("x  count=0 jitter=nan\n"))
        self.assertEqual(self.record()["fields"], {"jitter": "nan", "count": 0})

    def test_sentence_that_cannot_be_formatted(self) -> None:
        """
        A sentence with a field that is missing still makes a line.
        """
        self.log.info("Lost {nothing", a=1)
        self.log.info("Lost {nothing}", a=1)
        self.assertEqual(self.text.getvalue().count("\n"), 2)

    def test_old_interface(self) -> None:
        """
        Events of twisted.python.log have their text, the name of their system, and are debug or an error.
        """
        for is_error, level in ((0, "debug"), (1, "critical")):
            file = io.StringIO()
            publisher = LogPublisher(text_observer(file, "debug"))
            old = OldPublisher(observerPublisher=publisher, publishPublisher=publisher)
            old.msg("Stopping", "now", isError=is_error, system="HTTPChannel,1", time=WHEN)
            self.assertEqual(file.getvalue().partition("Z ")[2], f"{level} HTTPChannel,1  Stopping now\n")

    def test_long_value_is_cut(self) -> None:
        """
        What a peer fills a field with is cut, and its length told.
        """
        self.log.info("Call began", call_id="x" * 14_000)
        self.assertIn('call_id="xxxxx', self.text.getvalue())
        self.assertIn("(14000 characters)", self.text.getvalue())
        self.assertLess(len(self.text.getvalue()), 500)
