"""
Health and metrics.
"""

from __future__ import annotations

from admin_fakes import Admin
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.interfaces import Condition


class HealthTests(SynchronousTestCase):
    """
    What load balancers, Prometheus and the curious ask.
    """

    def setUp(self) -> None:
        self.admin = Admin()

    def test_live(self) -> None:
        """
        A server that answers is live.
        """
        answer = self.admin.get("/health/live")
        self.assertEqual((answer.status, answer.value), (200, {"status": "live", "version": "1.2.3"}))

    def test_live_though_not_ready(self) -> None:
        """
        What is not ready is live all the same: nobody shall restart it.
        """
        self.admin.readiness.found = (Condition("storage", False, "disk full"),)
        self.assertEqual(self.admin.get("/health/live").status, 200)

    def test_ready(self) -> None:
        """
        All conditions met: 200, and the conditions.
        """
        answer = self.admin.get("/health/ready")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.value, {
            "status": "ready", "conditions": [{"name": "sip", "ready": True, "text": "listening"}],
        })

    def test_not_ready(self) -> None:
        """
        One condition not met: 503, and which one.
        """
        self.admin.readiness.found += (Condition("draining", False, "shutting down"),)
        answer = self.admin.get("/health/ready")
        self.assertEqual((answer.status, answer.value["status"]), (503, "not-ready"))
        self.assertEqual(
            answer.value["conditions"][1], {"name": "draining", "ready": False, "text": "shutting down"}
        )

    def test_metrics_as_text(self) -> None:
        """
        Prometheus' text without wishes.
        """
        self.admin.metrics.call_started()
        answer = self.admin.get("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertIn("text/plain; version=0.0.4", answer.headers["content-type"])
        self.assertIn(b"siprec_calls_started_total 1.0\n", answer.body)

    def test_metrics_as_open_metrics(self) -> None:
        """
        OpenMetrics for who accepts it.
        """
        answer = self.admin.get("/metrics", Accept="application/openmetrics-text; version=1.0.0, */*;q=0.1")
        self.assertIn("application/openmetrics-text", answer.headers["content-type"])
        self.assertTrue(answer.body.endswith(b"# EOF\n"))
