"""
The recorder as a Twisted service: builds the rooms, introduces them, starts and stops them in order.

Start: HTTP (live, not ready), archive, media; SIP last. Stop is the reverse: new calls are refused and running
ones ended, then SIP, media and archive are closed, HTTP last.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTCP, IReactorThreads, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw import __version__
from siprec_tw.admin.auth import Access
from siprec_tw.admin.faces import Faces
from siprec_tw.admin.site import admin_site
from siprec_tw.admin.threads import ReactorThreads
from siprec_tw.config.model import Configuration
from siprec_tw.errors import LocalError
from siprec_tw.interfaces import Condition
from siprec_tw.media.open_files import raise_limit, wanted_files
from siprec_tw.media.plane import LocalMediaPlane
from siprec_tw.media.worker_commands import PlaneSettings
from siprec_tw.media.worker_plane import WorkerMediaPlane
from siprec_tw.metrics import Metrics, Watched
from siprec_tw.patience import settled
from siprec_tw.recorder.lost_streams import LostStreams
from siprec_tw.recorder.server import Server
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.recorder.watch import Watch
from siprec_tw.recording.tones import Tones
from siprec_tw.sdp.origin_sequence import BELOW_NUMBERS
from siprec_tw.signaling.layer import Signaling
from siprec_tw.signaling.peer import Peer
from siprec_tw.sip.timers import TimerValues
from siprec_tw.storage.archive import open_archive

# Seconds for which a stop waits for a start that is still going on.
START_PATIENCE = 30.0
# Seconds that running calls have to end when the recorder is stopped.
DRAIN_PATIENCE = 20.0
TOKEN_OCTETS = 12


class Recorder(Service):
    """
    One node: attach it to any application, on any reactor. Nothing is opened before it is started. It is
    started once: who wants to start again makes a new one.

    @ivar calls: the running calls, L{siprec_tw.interfaces.RunningCalls}.
    @ivar recordings: the stored ones, L{siprec_tw.interfaces.StoredRecordings}.
    @ivar listening: where SIP is listened for, real ports, once started.
    @ivar admin_port: where HTTP is, once started.
    """

    log = Logger()

    def __init__(self, config: Configuration, reactor: IReactorTime) -> None:
        self.config = config
        self.metrics = Metrics(__version__)
        self.node_id = config.node.id or socket.gethostname()
        self.listening: tuple[Peer, ...] = ()
        self.admin_port = 0
        self._reactor = reactor
        self._archive = open_archive(
            reactor, Path(config.recording.directory), self.metrics,
            min_free=config.recording.min_free, retention=config.recording.retention,
            tones=Tones(config.recording.tones),
        )
        self._media = self._media_plane()
        self._server = Server()
        timers = TimerValues(t1=config.sip.t1)
        self._signaling = Signaling(
            reactor, self._server, random_token=token, allow=lambda peer: config.sip.allows(peer.host),
            timers=timers, metrics=self.metrics, advertise=config.sip.advertise,
        )
        self.metrics.watch(Watched.TRANSACTIONS, lambda: float(self._signaling.live_transactions))
        self.metrics.watch(Watched.CONNECTIONS, lambda: float(self._signaling.connections))
        self._server.surroundings = self._surroundings(timers)
        self._watch = Watch(self._server.surroundings, self._server.registry)
        self._media.when_lost(LostStreams(self._server.surroundings, self._server.registry).tell)
        self.calls = self._server
        self.recordings = self._archive.index
        self._undo: list[Callable[[], Awaitable[object]]] = []      # what has been started, and how it is stopped
        self._starting: Deferred[None] | None = None
        self._outcome: Failure | bool | None = None                 # of the start; None while it goes on
        self._waiting: list[Deferred[None]] = []

    # --- what Twisted calls ----------------------------------------------------------------------

    def startService(self) -> None:
        """
        Begin to start; L{started} tells when it is done.
        """
        super().startService()  # type: ignore[no-untyped-call]
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addCallbacks(self._is_up, self._is_not_up)

    def stopService(self) -> Deferred[None]:
        """
        End running calls and finalise their recordings, then close everything; bounded in time.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    def started(self) -> Deferred[None]:
        """
        Fires when calls are taken; fails with OSError, LocalError or sqlite3.Error where that cannot be.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        self._tell()
        return waiting

    def conditions(self) -> tuple[Condition, ...]:
        """
        Readiness: every condition for new calls, L{siprec_tw.interfaces.Readiness}.
        """
        listens = bool(self.listening)
        return (Condition("sip", listens, "listening" if listens else "not listening"), *self._server.conditions())

    # --- start and stop --------------------------------------------------------------------------

    async def _start(self) -> None:
        try:
            raise_limit(wanted_files(0 if self.config.media.worker_count else self.config.media.ports.pairs))
            await self._listen_for_http()
            await self._archive.start()
            self._undo.append(self._archive.stop)
            self._undo.append(self._media.stop)
            if isinstance(self._media, WorkerMediaPlane):
                await self._media.start()
                self.metrics.media_receiver(self._media.receiver_name)
            else:
                self._media.start()
            self._undo.append(self._signaling.stop)
            wanted = (Peer(each.transport.value, each.host, each.port) for each in self.config.sip.listen)
            self.listening = await self._signaling.start(wanted)
            self._watch.start()
        except BaseException:
            await self._close()
            raise
        self.log.info(
            "Recorder ready", node=self.node_id, sip=", ".join(map(str, self.listening)),
            http=f"http://{self.config.admin.listen.host}:{self.admin_port}/",
            recordings=str(self._archive.directory.absolute()),
        )

    async def _listen_for_http(self) -> None:
        where = self.config.admin.listen
        archive = self._archive
        faces = Faces(self._server, archive.index, archive.late_decoder, self, self.metrics, __version__)
        access = Access(tokens=self.config.admin.tokens, host=where.host)
        site = admin_site(faces, access, ReactorThreads(IReactorThreads(self._reactor)), self._reactor)
        try:
            port = IReactorTCP(self._reactor).listenTCP(where.port, site, interface=where.host)  # type: ignore[arg-type]
        except CannotListenError as error:
            raise LocalError(f"HTTP cannot listen on {where}: {error.socketError}") from error
        self.admin_port = cast(IPv4Address | IPv6Address, port.getHost()).port
        self._undo.append(lambda: maybeDeferred(port.stopListening))

    async def _stop(self) -> None:
        if self._starting is None:
            return
        await settled(self._reactor, [self._starting], START_PATIENCE)
        self._watch.stop()
        if self.listening:
            self.log.info("Recorder stops: {calls} calls are ended", calls=len(self._server.registry))
            await self._server.drain(DRAIN_PATIENCE)
        await self._close()

    async def _close(self) -> None:
        self.listening = ()
        while self._undo:
            try:
                await self._undo.pop()()
            except Exception:
                # Whatever one room makes of its end, the others are closed too.
                self.log.failure("Could not close everything")

    def _is_up(self, result: None) -> None:
        self._outcome = True
        self._tell()

    def _is_not_up(self, failure: Failure) -> None:
        self._outcome = failure
        if not self._waiting:
            self.log.failure("Recorder cannot start", failure)
        self._tell()

    def _tell(self) -> None:
        if self._outcome is None:
            return
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.errback(self._outcome) if isinstance(self._outcome, Failure) else each.callback(None)

    # --- the rooms -------------------------------------------------------------------------------

    def _media_plane(self) -> LocalMediaPlane | WorkerMediaPlane:
        """
        In this process, or in workers. Raises LocalError for a receiver that does not work here.
        """
        media = self.config.media
        ports = media.ports.first, media.ports.last
        plane: LocalMediaPlane | WorkerMediaPlane
        if media.worker_count:
            settings = PlaneSettings(
                self.node_id, media.address, ports, media.advertised, media.sweep_interval, media.quarantine,
                media.receive_buffer, media.receiver,
            )
            plane = workers = WorkerMediaPlane(
                self._reactor, settings, media.worker_count, self.metrics, self._archive.inherited
            )
            self.metrics.watch(Watched.MEDIA_WORKERS, lambda: float(workers.running))
        else:
            plane = LocalMediaPlane(
                self._reactor, self.node_id, media.address, ports,
                advertise=media.advertised, sweep_interval=media.sweep_interval, quarantine=media.quarantine,
                receive_buffer=media.receive_buffer, metrics=self.metrics, receiver=media.receiver,
            )
            self.metrics.media_receiver(plane.receiver_name)
        self.metrics.watch(Watched.STREAMS_OPEN, lambda: float(plane.open_streams()))
        self.metrics.watch(Watched.PORTS_FREE, lambda: float(plane.free_pairs()))
        return plane

    def _room_conditions(self) -> tuple[Condition, ...]:
        storage = self._archive.condition()
        return (storage, self._media.condition()) if isinstance(self._media, WorkerMediaPlane) else (storage,)

    def _surroundings(self, timers: TimerValues) -> Surroundings:
        registry = self._server.registry
        self.metrics.watch(Watched.CALLS_ACTIVE, lambda: float(len(registry)))
        self.metrics.watch(Watched.STREAMS_SILENT, lambda: float(sum(call.tracks.silent() for call in registry)))
        self.metrics.watch(Watched.CALLS_ONE_WAY, lambda: float(sum(call.tracks.one_way() for call in registry)))
        return Surroundings(
            reactor=self._reactor,
            signaling=self._signaling,
            media=self._media,
            archive=self._archive,
            metrics=self.metrics,
            sip=self.config.sip,
            recording=self.config.recording,
            timers=timers,
            node_id=self.node_id,
            contact_host=self.config.media.advertised,
            now=time.time,
            random_token=token,
            random_octets=secrets.token_bytes,
            origin_id=lambda: secrets.randbelow(BELOW_NUMBERS),
            conditions=self._room_conditions,
            reports_sent=self.config.media.rtcp,
            opportunistic_srtp=self.config.media.opportunistic_srtp,
        )


def token() -> str:
    """
    An unguessable token for tags, branches and ids: 24 hexadecimal digits.
    """
    return secrets.token_hex(TOKEN_OCTETS)
