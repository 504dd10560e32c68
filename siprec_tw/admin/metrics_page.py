"""
C{/metrics}: everything counted, for Prometheus.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.reply import Answer, Reply
from siprec_tw.metrics import Metrics


@frozen
class MetricsRoutes:
    """
    One page.
    """

    counted: Metrics

    async def metrics(self, ask: Ask) -> Answer:
        """
        Prometheus' text, or OpenMetrics where the Accept header names it.
        """
        content_type, body = self.counted.exposition(ask.accept)
        return Reply(200, body, content_type)
