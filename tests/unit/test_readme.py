"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"

RUN = """
import sim
scenario = sim.load("scenarios/quickstart.yaml", set={"chains.jc.consensus.protocol": "decree", "horizon": "20s"})
chain = sim.run(scenario).summary["chains"]["jc"]
print(chain["protocol"], chain["blocks"] > 10, chain["view_changes"], chain["records"] > 0)
"""


def test_the_protocol_of_the_readme_runs_the_quickstart() -> None:
    (program,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
        if "register(" in block
    ]
    assert sum(1 for line in program.splitlines() if line.strip()) <= 45
    done = subprocess.run(
        [sys.executable, "-c", program + RUN], capture_output=True, text=True, check=False, cwd=README.parent
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["decree", "True", "0", "True"]
