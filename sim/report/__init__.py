"""Runs for people: figures, a console summary, and one self-contained page.

The room is called as well as entered: ``sim.report(run, "results/x/report.html")`` writes the page of a run or of a
study, while `sim.report.console` and the others are its modules.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.study.run import Run
    from sim.study.sweeps.study import Study

__all__ = ["add_to", "write_page"]


def write_page(run: Run, path: str | Path, lang: str = "en") -> Path:
    """Write a run's report as one HTML file that needs no other; returns its path.

    Directories on the way are made. The file appears whole or, if writing fails, not at all.

    Args:
        run: what it tells of.
        path: the file.
        lang: ``en`` or ``zh``.

    Raises:
        OSError: it cannot be written.
        NoSuchLanguage: there is no such language.
    """
    from sim.report import figures, page
    from sim.study.store import write_text

    target = Path(path)
    text = page.render(run, figures.draw(run), lang)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, text)
    return target


def add_to(run: Run, directory: str | Path, lang: str = "en") -> None:
    """Add ``figures/*.svg``, ``figures/*.png`` and ``report.html`` to an existing directory.

    Raises:
        OSError: something cannot be written.
        NoSuchLanguage: there is no such language.
    """
    from sim.report import figures, page, pictures
    from sim.study.store import write_text

    drawn = figures.draw(run)
    folder = Path(directory) / "figures"
    folder.mkdir(exist_ok=True)
    pictures.save(figures.PICTURES, drawn, folder)
    write_text(Path(directory) / "report.html", page.render(run, drawn, lang))


class _Report(ModuleType):
    """A package that can be called.

    Python looks up ``__call__`` on an object's class, so a function of that name in the package would not do.
    """

    def __call__(self, told: Run | Study, path: str | Path, lang: str = "en") -> Path:
        from sim.study.sweeps.study import Study

        if isinstance(told, Study):
            from sim.report import studies

            return studies.write_page(told, path, lang=lang)
        return write_page(told, path, lang)


sys.modules[__name__].__class__ = _Report
