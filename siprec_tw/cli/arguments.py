"""
What the modules of the subcommands share of argparse.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def argument(read: Callable[[str], object]) -> Callable[[str], object]:
    """
    An argparse type out of a function that raises ValueError with words for the user.
    """
    def convert(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return convert
