"""
What twistd sees: options, configuration, log, and an end where the start fails.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from twisted.application.service import Application, IService
from twisted.internet import reactor
from twisted.logger import ILogObserver
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw import log_lines
from siprec_tw.tap import Daemon, Options, makeService


class MakeServiceTests(SynchronousTestCase):
    """
    Tests for L{makeService}.
    """

    def options(self, text: str = "", **twistd: object) -> Options:
        path = Path(self.mktemp())
        path.write_text(text)
        options = Options()
        options.parseOptions(["--config", str(path)])
        options.parent = {"nodaemon": True, **twistd}
        return options

    def observer(self, options: Options) -> object:
        application = Application("siprec")
        makeService(options).setServiceParent(application)
        return application.getComponent(ILogObserver, None)

    def test_defaults(self) -> None:
        """
        Without options: the embedded default, and no file is needed.
        """
        options = Options()
        options.parseOptions([])
        self.assertIsNone(options["config"])
        with mock.patch.dict("os.environ", clear=True):
            service = makeService(options)
        self.assertTrue(IService.providedBy(service))
        self.assertEqual(len(list(service)), 1)

    def test_short_option(self) -> None:
        """
        -c is --config.
        """
        path = Path(self.mktemp())
        path.write_text("logging: {level: warn}")
        options = Options()
        options.parseOptions(["-c", str(path)])
        self.assertEqual(options.configuration.logging.level, "warn")

    def test_every_problem_is_told(self) -> None:
        """
        All that is wrong with the configuration, with file and line, as a UsageError.
        """
        bad = "sip:\n  t1: x\n  colour: red\nmedia: 3\n"
        error = self.assertRaises(usage.UsageError, self.options, bad)
        text = str(error)
        for part in (":2: sip.t1", ":3: sip.colour", ":4: media"):
            self.assertIn(part, text)

    def test_no_such_file(self) -> None:
        """
        A configuration that is not there is told in the same way.
        """
        arguments = ["--config", "/no/such/file.yaml"]
        error = self.assertRaises(usage.UsageError, Options().parseOptions, arguments)
        self.assertIn("/no/such/file.yaml", str(error))

    def test_log_of_our_own(self) -> None:
        """
        In the foreground our lines go to standard output.
        """
        observer = self.observer(self.options())
        self.assertIsInstance(observer, log_lines._Observer)
        self.assertIs(observer._line, log_lines.text_line)  # type: ignore[attr-defined]

    def test_log_as_json(self) -> None:
        """
        JSON and its level on request.
        """
        observer = self.observer(self.options("logging: {format: json, level: warn}"))
        self.assertIs(observer._line, log_lines.json_line)  # type: ignore[attr-defined]
        self.assertEqual(observer._least, log_lines.LEVELS.index("warn"))  # type: ignore[attr-defined]

    def test_log_that_twistd_was_told_of(self) -> None:
        """
        --logfile, --logger and --syslog are obeyed.
        """
        for name in ("logfile", "logger", "syslog"):
            self.assertIsNone(self.observer(self.options(**{name: "x"})))

    def test_log_in_the_background(self) -> None:
        """
        A daemon has no standard output: twistd's own log file is used.
        """
        self.assertIsNone(self.observer(self.options(nodaemon=False)))

    def test_receiver_that_does_not_work_here(self) -> None:
        """
        The process ends with one line that says so.
        """
        options = self.options("media: {receiver: batch}")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            end = self.assertRaises(SystemExit, makeService, options)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(
            str(end), "Recorder cannot start: media cannot be received in batches: [Errno 24] Too many open files"
        )

    def test_nothing_is_opened_before_the_start(self) -> None:
        """
        To make the service touches neither ports nor the disk.
        """
        root = Path(self.mktemp()).absolute()
        before = reactor.getReaders()  # type: ignore[attr-defined]
        self.assertIsInstance(makeService(self.options(f"recording: {{directory: {root}}}")), Daemon)
        self.assertEqual(reactor.getReaders(), before)  # type: ignore[attr-defined]
        self.assertFalse(root.exists())


def twistd(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "siprec.yaml").write_text(text)
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "siprec",
            "--config", str(tmp_path / "siprec.yaml"),
        ],
        capture_output=True, text=True, timeout=20, check=False, cwd=Path(__file__).parents[1],
    )


@pytest.mark.processes
def test_port_that_is_taken(tmp_path: Path) -> None:
    """
    twistd ends with 1 and says why.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = twistd(
            tmp_path,
            f'sip: {{listen: ["udp://127.0.0.1:0"]}}\nadmin: {{listen: "127.0.0.1:{taken.getsockname()[1]}"}}\n'
            f"recording: {{directory: {tmp_path / 'recordings'}}}\n",
        )
    assert run.returncode == 1
    assert "Recorder cannot start: HTTP cannot listen on 127.0.0.1:" in run.stdout


@pytest.mark.processes
def test_index_that_cannot_be_opened(tmp_path: Path) -> None:
    """
    twistd ends, whatever had been begun.
    """
    (tmp_path / "recordings" / "index.sqlite").mkdir(parents=True)
    run = twistd(
        tmp_path,
        'sip: {listen: ["udp://127.0.0.1:0"]}\nadmin: {listen: "127.0.0.1:0"}\n'
        f"recording: {{directory: {tmp_path / 'recordings'}}}\n",
    )
    assert run.returncode == 1


@pytest.mark.processes
def test_bad_configuration(tmp_path: Path) -> None:
    """
    The problems, and no traceback.
    """
    run = twistd(tmp_path, "sip: {colour: red}\n")
    assert run.returncode == 1
    assert "sip.colour" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


_STEADY = """
import os, time
from twisted.internet import reactor
from siprec_tw.tap import Options, makeService
options = Options()
options.parseOptions(["-c", "siprec.yaml"])
makeService(options).startService()
print("steady", abs(reactor.seconds() - time.monotonic()) < 1.0, flush=True)
os._exit(0)
"""


@pytest.mark.processes
def test_timers_go_by_a_steady_clock(tmp_path: Path) -> None:
    """
    Once the recorder is started, the time of day may be set without a timer of the process minding it.
    """
    (tmp_path / "siprec.yaml").write_text('sip: {listen: ["udp://127.0.0.1:0"]}\nadmin: {listen: "127.0.0.1:0"}\n')
    run = subprocess.run(
        [sys.executable, "-c", _STEADY], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False,
    )
    assert "steady True" in run.stdout, run.stderr
