"""
Whatever is tested of a receiver by sweeps of packets is tested packet by packet, and as it is read in batches.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from batch_rig import Batches
from rtp_rig import Way

BOTH_WAYS = ("test_media_receiver", "test_media_segment_writer")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """
    Tests of these modules run once each way.
    """
    if metafunc.module.__name__.startswith(BOTH_WAYS):
        metafunc.fixturenames.append("way")
        metafunc.parametrize("way", ["singly", "batch"], indirect=True)


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    The way by which packets come to a receiver.
    """
    if request.param == "batch":
        monkeypatch.setattr(Way, "feed", Batches().feed)
    return None
