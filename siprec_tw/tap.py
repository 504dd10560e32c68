"""
C{twistd siprec}: its options, and the service that they make.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Mapping

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads, IReactorTime
from twisted.logger import ILogObserver, Logger
from twisted.python import usage
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from siprec_tw.config.loader import load
from siprec_tw.config.model import Configuration
from siprec_tw.errors import ConfigurationError, LocalError
from siprec_tw.garbage import GarbagePace
from siprec_tw.log_lines import json_observer, text_observer
from siprec_tw.service import Recorder
from siprec_tw.steady_time import steady


class Options(usage.Options):
    """
    What C{twistd siprec} takes.
    """

    synopsis = "[options]"
    longdesc = "A SIPREC session recording server (RFC 7866). Without a configuration it runs on loopback alone."
    optParameters = [["config", "c", None, "The configuration, a YAML file."]]
    configuration: Configuration

    def postOptions(self) -> None:
        """
        Read the configuration. Raises UsageError, which twistd prints, with every problem in it.
        """
        try:
            self.configuration = load(self["config"], os.environ)
        except ConfigurationError as error:
            raise usage.UsageError(f"the configuration cannot be used:\n{error}") from error


class Daemon(MultiService):
    """
    The recorder under twistd: with its own log, and an end of the process where it cannot start.
    """

    log = Logger()

    def __init__(self, config: Configuration, own_log: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        from twisted.internet import reactor  # twistd has installed it

        self._config = config
        self._own_log = own_log
        self._reactor = IReactorCore(reactor)
        self._recorder = Recorder(config, reactor)
        self._recorder.setServiceParent(self)  # type: ignore[no-untyped-call]

    def setServiceParent(self, parent: object) -> None:
        """
        twistd gives the application, and asks it for its log observer afterwards.
        """
        if self._own_log and isinstance(parent, Componentized):
            observer = json_observer if self._config.logging.format == "json" else text_observer
            chosen = observer(sys.stdout, self._config.logging.level)
            parent.setComponent(ILogObserver, chosen)  # type: ignore[no-untyped-call]
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        """
        Start, and stop the process where that fails.
        """
        steady(IReactorTime(self._reactor))
        for warning in self._config.warnings:
            self.log.warn("{where}: {path}: {text}", where=warning.where, path=warning.path, text=warning.text)
        if self._own_log:
            # In the foreground, a terminal that is closed is a wish to stop as good as Ctrl-C.
            wake = IReactorFromThreads(self._reactor).callFromThread
            signal.signal(signal.SIGHUP, lambda *_: wake(self._reactor.stop))
        self._reactor.callWhenRunning(GarbagePace(IReactorTime(self._reactor)).start)
        self._recorder.started().addErrback(self._failed)
        super().startService()  # type: ignore[no-untyped-call]

    def _failed(self, failure: Failure) -> None:
        if isinstance(failure.value, LocalError | OSError):
            self.log.critical("Recorder cannot start: {reason}", reason=str(failure.value))
        else:
            self.log.failure("Recorder cannot start", failure)
        # twistd ends with 0 whatever happens after its start; who watches the process must see the failure.
        atexit.register(os._exit, 1)
        self._reactor.callWhenRunning(self._reactor.stop)


def makeService(options: Options) -> Daemon:
    """
    The service for twistd, with a log of its own where twistd runs in the foreground and was told of no other. Where
    this machine cannot do what is configured, the process ends with a line that says so.
    """
    twistd: Mapping[str, object] = options.parent or {}
    elsewhere = any(twistd.get(name) for name in ("logfile", "logger", "syslog"))
    try:
        return Daemon(options.configuration, own_log=bool(twistd.get("nodaemon")) and not elsewhere)
    except LocalError as error:
        sys.exit(f"Recorder cannot start: {error}")
