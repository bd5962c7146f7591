"""What a shell completes: scenario files, run directories, and the keys that `--set` takes.

Shells put a space behind the only completion there is. So that one can go on typing below a folder or a key, what
stands below is offered in its place.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sim.scenario.schema import Node

_MOST = 500
"""So many files are offered at most."""
_DEEP = 3
"""So many folders below what is typed are looked into."""
_LONGEST = 80
"""Letters of what a key means."""
_MARK = "summary.json"
"""What a run directory holds."""


def scenario_files(incomplete: str) -> list[str]:
    """YAML files that begin with what is typed, in the folders that do as well."""
    return _found(incomplete, lambda path: path.suffix in {".yaml", ".yml"} and path.is_file())


def run_directories(incomplete: str) -> list[str]:
    """Run directories that begin with what is typed."""
    return _found(incomplete, lambda path: (path / _MARK).is_file())


def _found(incomplete: str, wanted: Callable[[Path], bool]) -> list[str]:
    typed = Path(incomplete)
    inside = not incomplete or incomplete.endswith(os.sep)
    folder, prefix = (typed, "") if inside else (typed.parent, typed.name)
    found: list[str] = []
    for path in _sorted(folder):
        if path.name.startswith(prefix) and (prefix or not path.name.startswith(".")):
            found += (str(each) for each in _below(path, wanted, _DEEP))
    return found[:_MOST]


def _below(path: Path, wanted: Callable[[Path], bool], deep: int) -> Iterator[Path]:
    if wanted(path):
        yield path
    elif deep and path.is_dir():
        for child in _sorted(path):
            if not child.name.startswith("."):
                yield from _below(child, wanted, deep - 1)


def _sorted(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def setting_keys(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Keys of the scenario that is named on the command line, each with what it means; without one, of any.

    Behind the ``=`` of a key, the value that it has now.
    """
    from sim.scenario.schema import Node

    tree = _tree(ctx)
    key, equals, typed = incomplete.partition("=")
    *parts, last = key.split(".")
    node: Node | None = Node.root()
    here: Any = tree
    for part in parts:
        node = None if node is None else node.below(int(part) if node.is_list and part.isdecimal() else part)
        here = _inner(here, part)
    if node is None:
        return []
    if equals:
        value = _inner(here, last)
        shown = "" if value is None or isinstance(value, dict | list) else str(value)
        return [(f"{key}={shown}", "as it is now")] if shown.startswith(typed) and shown else []
    return _keys(node, here, "".join(f"{part}." for part in parts), last)


def _keys(node: Node, here: Any, before: str, typed: str) -> list[tuple[str, str]]:  # noqa: ANN401 - a tree of YAML
    """What may stand at a place; a key that leads on with a point behind it, another with an equals sign."""
    offered: list[tuple[str, str]] = []
    for name in _names(node, here):
        below = node.below(int(name) if node.is_list else name)
        if not name.startswith(typed) or below is None:
            continue
        inner = _inner(here, name)
        holds_more = bool(below.keys) or below.has_ids or below.is_list
        leads_on = isinstance(inner, dict | list) or (inner is None and holds_more)
        offered.append((f"{before}{name}{'.' if leads_on else '='}", _short(below.meaning)))
    if len(offered) == 1 and offered[0][0].endswith("."):
        name = offered[0][0].removeprefix(before).removesuffix(".")
        only = node.below(int(name) if node.is_list else name)
        if only is not None:
            return _keys(only, _inner(here, name), offered[0][0], "") or offered
    return offered


def _short(meaning: str) -> str:
    """The first of what a key means, for a line of a shell."""
    first = meaning.partition(";")[0].replace("\n", " ")
    return first if len(first) <= _LONGEST else f"{first[:_LONGEST].rpartition(' ')[0]} ..."


def _names(node: Node, here: Any) -> list[str]:  # noqa: ANN401 - a tree of YAML
    if node.is_list:
        return [str(number) for number in range(len(here))] if isinstance(here, list) else []
    ids = list(here) if node.has_ids and isinstance(here, dict) else []
    return list(dict.fromkeys([*node.keys, *ids]))


def _inner(here: Any, part: str) -> Any:  # noqa: ANN401 - a tree of YAML
    if isinstance(here, dict):
        return here.get(part)
    if isinstance(here, list) and part.isdecimal() and int(part) < len(here):
        return here[int(part)]
    return None


def _tree(ctx: typer.Context) -> Mapping[str, Any]:
    """The scenario on the command line with everything filled in; nothing if there is none, or none that loads."""
    import yaml

    from sim.scenario import ScenarioError, load

    given: Any = ctx.params.get("files") or ctx.params.get("file") or ()
    # Behind an option that still lacks its value, what came before it has not been given to its parameter.
    named = [Path(each) for each in (*(given if isinstance(given, list | tuple) else (given,)), *ctx.args)]
    files = [file for file in named if file.is_file()]
    if not files:
        return {}
    try:
        tree: dict[str, Any] = yaml.safe_load(load(files[0]).to_yaml())
    except ScenarioError:
        return {}
    return tree
