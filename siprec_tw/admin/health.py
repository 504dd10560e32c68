"""
C{/health/*}: whether this node lives, and whether it takes calls.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.json_reply import json_reply
from siprec_tw.admin.reply import Answer
from siprec_tw.interfaces import Readiness


@frozen
class HealthRoutes:
    """
    Liveness and readiness, open to everybody: load balancers bear no tokens.
    """

    readiness: Readiness
    version: str

    async def live(self, ask: Ask) -> Answer:
        """
        200 as long as the reactor turns.
        """
        return json_reply({"status": "live", "version": self.version})

    async def ready(self, ask: Ask) -> Answer:
        """
        200 where every condition is met, else 503; the conditions in either case.
        """
        conditions = self.readiness.conditions()
        ready = all(condition.ready for condition in conditions)
        return json_reply({
            "status": "ready" if ready else "not-ready",
            "conditions": [{"name": c.name, "ready": c.ready, "text": c.text} for c in conditions],
        }, 200 if ready else 503)
