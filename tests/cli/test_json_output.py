"""`--json`: what people read as tables and lines, scripts read as data."""

import json
from pathlib import Path
from typing import Any

from test_command import QUICKSTART, REPOSITORY, alliance

import sim


def data(*arguments: object, code: int = 0, cwd: Path = REPOSITORY) -> Any:  # noqa: ANN401 - JSON
    done = alliance(*arguments, "--json", cwd=cwd)
    assert (done.returncode, done.stderr) == (code, ""), done
    return json.loads(done.stdout)


def test_list_has_scenarios_and_runs(tmp_path: Path) -> None:
    scenario = sim.load(QUICKSTART, set={"horizon": "1s"})
    run = sim.run(scenario, seed=5)
    run.save(tmp_path / "results" / "one")
    (tmp_path / "results" / "two").mkdir()
    (tmp_path / "results" / "two" / "summary.json").write_text("no")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "broken.yaml").write_text("name: x\n")
    (tmp_path / "scenarios" / "good.yaml").write_text(scenario.to_yaml(), encoding="utf-8")
    found = data("list", cwd=tmp_path)
    broken, good = found["scenarios"]
    assert set(broken) == {"file", "error"}
    assert good == {
        "file": "scenarios/good.yaml",
        "name": "quickstart",
        "expects": "pass",
        "question": scenario.question,
    }
    one, two = found["runs"]
    assert one["directory"] == "results/one"
    assert (one["seed"], one["verdict"], one["trace_hash"]) == (5, run.summary["verdict"], run.trace_hash)
    assert two == {"directory": "results/two", "error": "unreadable summary.json"}
    told = alliance("list", cwd=tmp_path, COLUMNS="200").stdout
    assert all(text in told for text in ("good.yaml", "broken.yaml", "results/one", run.trace_hash[:12], "unreadable"))


def test_validate_tells_problems_as_objects(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(f"extends: {QUICKSTART}\nname: bad\nchains:\n  jc: {{validators: 0, hash: md5}}\n")
    found = data("validate", bad, QUICKSTART, code=2)
    assert found["valid"] is False
    assert [(entry["file"], entry["valid"]) for entry in found["files"]] == [(str(bad), False), (str(QUICKSTART), True)]
    first, second = found["problems"]
    assert set(first) == {"file", "line", "column", "path", "message"}
    assert (first["file"], first["line"], first["column"], first["path"]) == (str(bad), 4, 20, "chains.jc.validators")
    assert second["path"] == "chains.jc.hash"
    lines = alliance("validate", bad, QUICKSTART).stderr.splitlines()
    assert lines == [f"{p['file']}:{p['line']}:{p['column']}: {p['path']}: {p['message']}" for p in (first, second)]


def test_validate_of_what_is_good_has_no_problems() -> None:
    found = data("validate", QUICKSTART)
    assert (found["valid"], found["problems"]) == (True, [])
    assert found["files"][0]["about"] == "quickstart with 10 chains"


def test_validate_tells_a_bad_setting_as_an_object() -> None:
    found = data("validate", QUICKSTART, "--set", "nothing", code=2)
    assert [(problem["file"], problem["path"]) for problem in found["problems"]] == [("--set", "nothing")]
    assert found["valid"] is False


def test_show_is_the_resolved_scenario_with_rates(tmp_path: Path) -> None:
    found = data("show", QUICKSTART, "--set", "chains.jc.validators=31")
    assert found["scenario"]["chains"]["jc"]["validators"] == 31
    assert found["scenario"]["horizon"] == "10min"
    rate = found["rates"]["evidence"]
    assert 0 < rate["mean_per_s"] < rate["at_start_per_s"]
    (tmp_path / "again.yaml").write_text(json.dumps(found["scenario"], ensure_ascii=False), encoding="utf-8")
    assert sim.load(tmp_path / "again.yaml") == sim.load(QUICKSTART, set={"chains.jc.validators": 31})


def test_show_of_an_article_is_the_article() -> None:
    found = data("show", "--article", 14)
    assert (found["article"], found["part"]) == (14, "IV")
    assert "W12" in found["workflows"]


def test_a_workflow_is_data_already() -> None:
    done = alliance("show", "--workflow", "W12", "--json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_torture_sums_up(tmp_path: Path) -> None:
    torture = REPOSITORY / "scenarios" / "torture.yaml"
    found = data("torture", torture, "--seeds", 6, "--protocol", "qbft", "--out", tmp_path / "calm")
    assert (found["storms"], found["verdicts"]) == (6, {"pass": 6})
    assert found["failed_seeds"] == found["failures"] == []
    assert 0 < found["failure_rate_at_most"] < 1
    assert all(fault["failed"] == 0 < fault["runs"] for fault in found["faults"].values())
    assert Path(found["results"]).is_file()


def test_torture_tells_how_a_failure_comes_again(tmp_path: Path) -> None:
    torture = REPOSITORY / "scenarios" / "torture.yaml"
    found = data("torture", torture, "--seeds", 3, "--beyond", "--out", tmp_path / "beyond")
    assert found["verdicts"]["diverged"] == len(found["failed_seeds"]) > 0
    assert found["failure_rate_at_most"] is None
    (failure,) = found["failures"]
    assert failure["verdict"] == "diverged"
    assert failure["again"].endswith(f"--beyond --first-seed {failure['seed']} --seeds 1")
    assert all("equivocate" in fault for fault in failure["faults"])
