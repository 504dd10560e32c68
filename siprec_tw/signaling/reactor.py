"""
What the signaling layer asks of a reactor, as one type.
"""

from __future__ import annotations

from typing import TypeAlias

from twisted.internet.interfaces import IReactorTime

# There is no type for "all of these": the others, IReactorTCP, IReactorUDP and IReactorPluggableNameResolver,
# are got from it by adaptation, which fails loudly where a reactor does not provide them.
SignalingReactor: TypeAlias = IReactorTime
