"""Every notebook runs from top to bottom, its findings hold, and what is stored in it is what comes out."""

import ast
import os
import resource
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import sim
import sim.proof

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = (
    "01-quickstart",
    "02-consensus-trade-offs",
    "03-ways-of-trusting",
    "04-year-end-peak-and-capacity",
    "05-proofs-at-billions",
    "06-validating-the-simulator",
)
MOST_S, MOST_BYTES = 30, 150_000
MEASURED = "measured"
"""Tag of cells that tell times of the machine at hand: they come out otherwise every time."""
TOOLS = {"matplotlib", "numpy", "polars"}


@cache
def stored(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def code_of(name: str) -> ast.Module:
    return ast.parse("\n".join(cell.source for cell in stored(name).cells if cell.cell_type == "code"))


def told(notebook: nbformat.NotebookNode) -> dict[str, list[str]]:
    """What cells say in words, by their ids."""
    return {
        cell.id: [out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code" and MEASURED not in cell.metadata.get("tags", ())
    }


def slower() -> int:
    """How many times as much processor time a program may take beside busy neighbours, who share its cores' caches."""
    return 2 if os.getloadavg()[0] > len(os.sched_getaffinity(0)) else 1


def test_the_notebooks_are_those() -> None:
    assert tuple(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))) == NAMES
    readme = (NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"notebooks/{name}.ipynb" in readme for name in NAMES)


@pytest.mark.filterwarnings("default")  # what Jupyter's own libraries deprecate is not ours
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_its_findings_hold_and_it_says_what_is_stored(name: str) -> None:
    notebook = deepcopy(stored(name))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert told(notebook) == told(stored(name)), (
        "what is stored is of other code; see what changed, then `make notebooks`"
    )
    took_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    assert took_s < MOST_S * slower()


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_opens_with_a_question_asserts_findings_and_says_where_to_go_on(name: str) -> None:
    cells = stored(name).cells
    assert cells[0].source.startswith("# ")
    assert "?*" in cells[0].source
    assert "here next" in cells[-1].source.splitlines()[0]
    assert any(isinstance(node, ast.Assert) for node in ast.walk(code_of(name)))


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_stored_are_small_and_hold_figures_but_no_errors(name: str) -> None:
    assert (NOTEBOOKS / f"{name}.ipynb").stat().st_size < MOST_BYTES
    outputs = [out for cell in stored(name).cells if cell.cell_type == "code" for out in cell.outputs]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    assert all(out.output_type in {"execute_result", "display_data"} for out in outputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_uses_the_public_interface_only(name: str) -> None:
    for node in ast.walk(code_of(name)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                assert alias.name == "sim" or top in TOOLS or top in sys.stdlib_module_names, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            if node.module.partition(".")[0] == "sim":
                assert node.module == "sim.proof"
                assert {alias.name for alias in node.names} <= set(sim.proof.__all__)
            else:
                top = node.module.partition(".")[0]
                assert top in TOOLS or top in sys.stdlib_module_names, node.module
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr.endswith("__"), node.attr
            if isinstance(node.value, ast.Name) and node.value.id == "sim":
                assert node.attr in sim.__all__, node.attr
