"""
Environment variables that set keys: C{SIPREC_<SECTION>_<KEY>}, and the names of the cluster guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel

from siprec_tw.config.model import Configuration
from siprec_tw.config.yaml_lines import Path
from siprec_tw.errors import Problem

PREFIXES = ("SIPREC_", "CLUSTER_", "REDIS_")

# The cluster guide has names of its own for whole sections and for some keys.
GUIDE_SECTIONS: dict[tuple[str, ...], str] = {("cluster",): "CLUSTER"}
GUIDE_NAMES: dict[str, tuple[str, ...]] = {"CLUSTER_NODE_ID": ("node", "id")}

# Read by the command line, not part of a configuration.
COMMAND_LINE_NAMES = {"SIPREC_URL", "SIPREC_TOKEN", "SIPREC_CONFIG"}


def key_paths(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """
    The path of every key of a model, in its order, sections of sections included.
    """
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from key_paths(field.annotation, (*path, name))
        else:
            yield (*path, name)


def name_of(path: tuple[str, ...]) -> str:
    """
    The environment variable of a key.
    """
    for length in range(len(path), 0, -1):
        if path[:length] in GUIDE_SECTIONS:
            return "_".join((GUIDE_SECTIONS[path[:length]], *path[length:])).upper()
    return "_".join(("SIPREC", *path)).upper()


def names() -> dict[str, tuple[str, ...]]:
    """
    Environment variable to path, every one there is.
    """
    return {name_of(path): path for path in key_paths(Configuration)} | GUIDE_NAMES


def settings(environ: Mapping[str, str]) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """
    The variables that are set and the keys they set, and a problem for each key set twice unlike.
    """
    found: dict[str, tuple[str, ...]] = {}
    first: dict[Path, str] = {}
    problems = []
    for name, path in names().items():
        if name not in environ:
            continue
        other = first.setdefault(path, name)
        if environ[other] != environ[name]:
            problems.append(Problem(f"environment {name}", ".".join(path), f"differs from {other}"))
        found[name] = path
    return found, problems


def unknown_names(environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """
    A warning for each variable that has one of our prefixes and sets nothing.
    """
    known = names()
    ours = (name for name in sorted(environ) if name.startswith(PREFIXES))
    return tuple(
        Problem(f"environment {name}", "", f"sets nothing{_suggestion(name, known)}")
        for name in ours if name not in known and name not in COMMAND_LINE_NAMES
    )


def _suggestion(name: str, known: Mapping[str, Path]) -> str:
    nearest = get_close_matches(name, known, 1, 0.8)
    return f": is {nearest[0]} meant?" if nearest else ""
