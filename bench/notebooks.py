"""Execute the notebooks and store their outputs, after a change that what they say hangs on.

    python bench/notebooks.py                         # all of them; about two minutes
    python bench/notebooks.py 05-proofs-at-billions   # those that are named

A notebook whose findings do not hold is left as it was. `tests/cli/test_notebooks.py` holds what is stored against a
fresh execution.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from rich.progress import track

from sim.study.store import write_text

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def execute(path: Path) -> None:
    """Run one from top to bottom and store it, without times and versions that change from run to run.

    Raises:
        CellExecutionError: a finding does not hold.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, record_timing=False, resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}
    write_text(path, nbformat.writes(notebook) + "\n")


def main() -> None:
    """All notebooks, or those that are named."""
    parser = argparse.ArgumentParser(description="Execute notebooks and store their outputs.")
    known = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    names = parser.parse_args().names or known
    unknown = sorted(set(names) - set(known))
    if unknown:
        parser.error(f"no notebook {unknown[0]!r}; there are {', '.join(known)}")
    for name in track(names, "notebooks"):
        execute(NOTEBOOKS / f"{name}.ipynb")


if __name__ == "__main__":
    main()
