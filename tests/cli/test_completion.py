"""What a shell is offered when somebody presses Tab."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from test_command import ALLIANCE, REPOSITORY, alliance

from sim.scenario import ScenarioError, load


def offered(line: str, cwd: Path = REPOSITORY) -> list[str]:
    """What bash gets for a line; the cursor stands at its end."""
    words = line.split(" ")
    asked = {"_ALLIANCE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = alliance(cwd=cwd, **asked)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def test_verbs_are_completed() -> None:
    assert offered("alliance tr") == ["trace"]
    assert {"run", "init", "list", "show", "validate", "torture", "trace"} <= set(offered("alliance "))


@pytest.mark.parametrize("verb", ["run", "validate", "show", "torture"])
def test_scenario_files_are_completed_through_folders(verb: str) -> None:
    assert offered(f"alliance {verb} scenarios/quick") == ["scenarios/quickstart.yaml"]
    files = offered(f"alliance {verb} scen")
    assert {"scenarios/quickstart.yaml", "scenarios/crosschain/mesh.yaml"} <= set(files)
    assert all(file.endswith(".yaml") for file in files)
    assert offered(f"alliance {verb} nowhere/") == []


def test_run_directories_are_completed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "results" / name).mkdir(parents=True)
    (tmp_path / "results" / "one" / "summary.json").write_text("{}")
    assert offered("alliance trace res", cwd=tmp_path) == ["results/one"]


def test_keys_of_the_named_scenario_are_completed() -> None:
    assert offered("alliance run scenarios/quickstart.yaml --set chains.j") == ["chains.jc.", "chains.jus."]
    assert offered("alliance run scenarios/quickstart.yaml --set chains.jc.val") == ["chains.jc.validators="]
    assert "workload.evidence." in offered("alliance show scenarios/quickstart.yaml --set workload.e")
    assert "faults.0.at=" in offered("alliance run scenarios/leader-crash.yaml --quiet --set faults.")


def test_a_key_that_is_the_only_one_leads_on_to_what_is_below_it() -> None:
    below = offered("alliance run scenarios/quickstart.yaml --set chains.jc.bl")
    assert below == ["chains.jc.block.max_transactions=", "chains.jc.block.max_bytes=", "chains.jc.block.interval="]


def test_keys_are_completed_without_a_scenario_as_far_as_that_goes() -> None:
    assert offered("alliance run --set chains") == ["chains."]
    assert "network.bandwidth=" in offered("alliance run --set network.")
    assert offered("alliance run --set nothing.like.") == []


def test_a_scenario_that_does_not_load_still_completes_the_format(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: 7 7\n")
    assert offered("alliance run bad.yaml --set network.band", cwd=tmp_path) == ["network.bandwidth="]


def test_every_key_that_is_offered_can_be_set() -> None:
    keys = offered("alliance run scenarios/leader-crash.yaml --set faults.0.")
    keys += offered("alliance run scenarios/leader-crash.yaml --set chains.jc.consensus.")
    settings = {key.removesuffix("="): "nonsense!" for key in keys if key.endswith("=")}
    assert len(settings) > 15
    with pytest.raises(ScenarioError) as told:
        load(REPOSITORY / "scenarios" / "leader-crash.yaml", set=settings)
    assert "no such key" not in str(told.value)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_shown(shell: str) -> None:
    done = alliance(_ALLIANCE_COMPLETE=f"source_{shell}")
    assert done.returncode == 0, done.stderr
    assert f"complete_{shell}" in done.stdout
    assert "alliance" in done.stdout


def test_completion_installs_itself(tmp_path: Path) -> None:
    given = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # the shell is named, not looked for among parents
    done = alliance("--install-completion", "bash", HOME=str(tmp_path), **given)
    assert (done.returncode, done.stderr) == (0, "")
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert "_ALLIANCE_COMPLETE=complete_bash" in script.read_text(encoding="utf-8")
    assert str(script) in (tmp_path / ".bashrc").read_text(encoding="utf-8")
    shown = alliance("--show-completion", "bash", **given)
    assert "_ALLIANCE_COMPLETE=complete_bash" in shown.stdout


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    script = tmp_path / "complete.sh"
    script.write_text(alliance(_ALLIANCE_COMPLETE="source_bash").stdout)
    line = ["alliance", "show", "scenarios/leader"]
    program = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=({shlex.join(line)}); COMP_CWORD=2; "
        '_alliance_completion alliance; echo "${COMPREPLY[@]}"'
    )
    path = f"{ALLIANCE.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", program],  # noqa: S607 - bash is whatever bash there is
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "scenarios/leader-crash.yaml\n", done.stderr
