"""
Two signaling layers on real sockets of the loopback interface.
"""

from __future__ import annotations

from itertools import count

from attrs import evolve
from signaling_fakes import RememberingUser, own_request
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from siprec_tw.signaling.layer import IncomingRequest, Peer, Signaling
from siprec_tw.sip.reply import reply
from siprec_tw.sip.timers import TimerValues

QUICK = TimerValues(t1=0.02, t2=0.1, t4=0.02, timer_d=0.05)
BODY = bytes(range(256)) * 234          # 59,904 octets, and a few hundred of header fields


class EchoingUser(RememberingUser):
    """
    Answers every request 200, with its own body.
    """

    def request_received(self, incoming: IncomingRequest) -> None:
        self.requests.append(incoming)
        incoming.respond(reply(incoming.request, 200, to_tag="ours", body=incoming.request.body))


class LoopbackTests(TestCase):
    """
    A client and a server, end to end.
    """

    timeout = 20

    def layer(self, user: RememberingUser) -> Signaling:
        """
        A layer on the real reactor, stopped after the test.
        """
        tokens = count(1)
        name = type(user).__name__
        made = Signaling(
            reactor, user, random_token=lambda: f"{name}{next(tokens)}", allow=lambda peer: True, timers=QUICK
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(made.stop()))
        return made

    async def exchange(self, transport: str) -> tuple[Signaling, Signaling, EchoingUser, Peer]:
        """
        One request with a large body there and back.
        """
        user = EchoingUser()
        server, client = self.layer(user), self.layer(EchoingUser())
        there = await server.listen(transport, "127.0.0.1", 0)
        here = await client.listen(transport, "127.0.0.1", 0)
        self.assertGreater(there.port, 0)
        response = await client.request(evolve(own_request("INFO"), body=BODY), there)
        self.assertEqual((response.status, response.body), (200, BODY))
        self.assertEqual(user.requests[0].request.body, BODY)
        return server, client, user, here

    async def over(self, *layers: Signaling) -> None:
        """
        Wait until no transaction is left.
        """
        for _ in range(200):
            if not any(layer.live_transactions for layer in layers):
                return
            pause: Deferred[None] = Deferred()
            reactor.callLater(0.02, pause.callback, None)
            await pause
        self.fail("transactions are left")

    async def test_datagram_of_60_kilobytes(self) -> None:
        """
        A request that fills almost a whole datagram arrives, is answered in one as large, and leaves nothing.
        """
        server, client, user, here = await self.exchange("udp")
        self.assertEqual(user.requests[0].peer, here)
        await self.over(server, client)

    async def test_connection(self) -> None:
        """
        The same over TCP; the server's own request then takes the client's connection, and no new one.
        """
        server, client, user, _ = await self.exchange("tcp")
        nowhere = Peer("tcp", "127.0.0.1", 9)
        response = await server.request(own_request("OPTIONS"), nowhere, flow=user.requests[0].flow)
        self.assertEqual(response.status, 200)
        self.assertEqual((server.connections, client.connections), (1, 1))
        await self.over(server, client)

    async def test_nobody_listens(self) -> None:
        """
        A connection that is refused is 503 at once; a datagram into the void is 408 after 64*T1.
        """
        client = self.layer(RememberingUser())
        for transport, status in (("tcp", 503), ("udp", 408)):
            await client.listen(transport, "127.0.0.1", 0)
            response = await client.request(own_request("OPTIONS"), Peer(transport, "127.0.0.1", 9))
            self.assertEqual(response.status, status)
        await self.over(client)
