"""The workflows that a scenario names: their files' trees in the place of their names.

``workflows`` is a list of names, or a map from names to what of their files changes: an entry with the key ``code`` is
a whole workflow (a saved run has these), any other overlays the file of its name. A map in a file overlays a list or a
map in the file that it extends; a list replaces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.scenario.files import read_tree
from sim.scenario.merging import merged
from sim.scenario.problems import Position, Problem, ScenarioError, hint
from sim.scenario.quantities import ID
from sim.scenario.schema import Node
from sim.scenario.workflow.steps import expanded
from sim.scenario.yamltree import List, Map, Scalar, show_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY: Final = "workflows"
FOLDER: Final = "workflows"


def changeable(base: Map, over: Map) -> Map:
    """Return ``base`` with its list of workflows as a map, if ``over`` says what of them changes."""
    names = base.get(KEY)
    if not isinstance(names, List) or not isinstance(over.get(KEY), Map):
        return base
    entries = Map(names.position)
    for name in names:
        if isinstance(name, Scalar):
            entries.put(str(name), Map(name.position), name.position)
    changed = base.copy()
    changed.put(KEY, entries, base.keys_at[KEY])
    return changed


def with_workflows(root: Map, file: Path, problems: list[Problem]) -> Map:
    """Return the tree of a scenario with the content of the files of the workflows that it names.

    Args:
        root: of the scenario in ``file``; it stays as it is.
        file: beside which, or above, the folder ``workflows`` is looked for, if not at the file that has the name.
        problems: found so far, to which what is wrong is added.
    """
    written = root.get(KEY)
    if not isinstance(written, List | Map):
        return root
    workflows = Map(written.position)
    for name, place, changes in _entries(written, problems):
        if name in workflows:
            problems.append(place.problem(f"{KEY}.{name}", "is named twice; needs each workflow once"))
            continue
        tree = changes if changes is not None and "code" in changes else _read(name, place, file, problems)
        if tree is None:
            continue
        if changes is not None and tree is not changes:
            tree = merged(tree, changes, Node.of("Workflow"))
        folder = _folder(place, file, name)
        workflows.put(name, tree if folder is None else expanded(tree, folder, problems), place)
    changed = root.copy()
    changed.put(KEY, workflows, root.keys_at[KEY])
    return changed


def _entries(written: List | Map, problems: list[Problem]) -> Iterator[tuple[str, Position, Map | None]]:
    """Yield name, place and changes of each workflow."""
    if isinstance(written, List):
        for number, name in enumerate(written):
            path = show_path((KEY, number))
            if not isinstance(name, Scalar):
                problems.append(name.position.problem(path, "needs the name of a workflow"))
            elif _is_id(name, name.position, path, problems):
                yield str(name), name.position, None
        return
    for key, changes in written.items():
        if not isinstance(changes, Map):
            message = "needs a map with what of the workflow's file changes, such as {}"
            problems.append(written.keys_at[key].problem(f"{KEY}.{key}", message))
        elif _is_id(key, written.keys_at[key], f"{KEY}.{key}", problems):
            yield key, written.keys_at[key], changes


def _is_id(name: str, place: Position, path: str, problems: list[Problem]) -> bool:
    try:
        ID.read(name)
    except ValueError as error:
        problems.append(place.problem(path, str(error)))
        return False
    return True


def _read(name: str, place: Position, file: Path, problems: list[Problem]) -> Map | None:
    folder = _folder(place, file, name)
    path = f"{KEY}.{name}"
    if folder is None:
        known = sorted({each.stem for above in _folders(place, file) for each in above.glob("*.yaml")})
        problems.append(place.problem(path, f"no such workflow{hint(name, known, 'workflows')}"))
        return None
    try:
        tree, wrong = read_tree(folder / f"{name}.yaml", place, path)
    except ScenarioError as error:
        problems.extend(error.problems)
        return None
    problems.extend(wrong)
    return tree


def _folder(place: Position, file: Path, name: str) -> Path | None:
    """Return the nearest folder of workflows that has one of this name."""
    return next((folder for folder in _folders(place, file) if (folder / f"{name}.yaml").is_file()), None)


def _folders(place: Position, file: Path) -> Iterator[Path]:
    """Yield folders of workflows: beside the file that has the name, then above it, then so for the scenario's."""
    for start in (place.source.folder, file.parent):
        for above in (start.absolute(), *start.absolute().parents):
            folder = above / FOLDER
            if folder.is_dir():
                yield folder
