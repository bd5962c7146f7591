"""Studies as a user types them: a table, a page, JSON, resumption, and one line for what can't be."""

import json
from pathlib import Path

import pytest
from command_kit import alliance

VALIDATORS = "chains.hub.validators"


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    assert alliance("init", "mine.yaml", cwd=tmp_path).returncode == 0
    return tmp_path


SHORT = ("--set", "horizon=21s", "--executor", "serial")


def test_a_sweep_prints_a_table_and_writes_a_page(starter: Path) -> None:
    over = ("--over", f"{VALIDATORS}=4,7", "--zip", "chains.hub.hash=sm3,sha256", "--where", "validators < 9")
    done = alliance("sweep", "mine.yaml", *over, "-r", 3, *SHORT, cwd=starter)
    assert (done.returncode, done.stderr) == (0, "")
    place = next((starter / "results").iterdir())
    assert f"report   {place.relative_to(starter) / 'report.html'}" in done.stdout
    assert "validators" in done.stdout
    assert "sha256" in done.stdout
    assert (place / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert {"study.json", "scenario.yaml", "runs.parquet"} <= {path.name for path in place.iterdir()}
    more = alliance("sweep", "mine.yaml", *over, "-r", 4, *SHORT, "--json", cwd=starter)
    assert more.returncode == 0
    told = json.loads(more.stdout)
    assert told["replications"] == 4
    assert all(row["n"] == 4 for rows in told["results"].values() for row in rows)
    quiet = alliance("sweep", "mine.yaml", *over, "-r", 4, *SHORT, "--quiet", cwd=starter)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    page = place / "report.html"
    written = page.read_bytes()
    page.unlink()
    again = alliance("report", place, cwd=starter)
    assert (again.returncode, again.stdout, again.stderr) == (0, f"{page}\n", "")
    assert page.read_bytes() == written, "the page of a study is made again from its directory, byte for byte"
    chinese = alliance("sweep", "mine.yaml", *over, "-r", 4, *SHORT, "--lang", "zh", cwd=starter)
    assert (chinese.returncode, chinese.stderr) == (0, "")
    assert "改变的参数：validators（4、7）" in chinese.stdout
    assert f"报告   {place.relative_to(starter) / 'report.html'}" in chinese.stdout
    alliance("report", place, "--lang", "zh", "--out", "other.html", cwd=starter)
    assert (starter / "other.html").read_bytes() == page.read_bytes() != written


def test_two_scenarios_are_compared_in_a_sentence(starter: Path) -> None:
    done = alliance(
        "compare",
        "mine.yaml",
        "--set",
        f"{VALIDATORS}=10",
        "--set",
        "horizon=5s",
        "-r",
        3,
        "--executor",
        "serial",
        cwd=starter,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "than" in done.stdout
    assert "area between the distributions" in done.stdout


def test_report_says_what_is_neither_a_run_nor_a_whole_study(starter: Path) -> None:
    place = starter / "broken"
    place.mkdir()
    neither = alliance("report", place, cwd=starter)
    (place / "study.json").write_text("{", encoding="utf-8")
    unreadable = alliance("report", place, cwd=starter)
    for done, said in ((neither, "broken"), (unreadable, "study.json is no JSON")):
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    assert {path.name for path in place.iterdir()} == {"study.json"}


def test_capacity_says_how_much_load_is_carried_and_what_binds(starter: Path) -> None:
    options = ("--precision", "40%", "-r", 3, *SHORT)
    done = alliance("capacity", "mine.yaml", *options, cwd=starter)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The objectives are met up to" in done.stdout
    told = json.loads(alliance("capacity", "mine.yaml", *options, "--json", cwd=starter).stdout)
    assert told["holds"] < told["breaks"] <= told["holds"] * 1.4
    assert "时，目标达成" in alliance("capacity", "mine.yaml", *options, "--lang", "zh", cwd=starter).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sweep", "mine.yaml", "--over", "chains.hub.validators"), "is no assignment; needs a.b.c=value"),
        (("sweep", "mine.yaml", "--over", "chains.hub.validator=4,7"), "did you mean 'validators'"),
        (("sweep", "mine.yaml", "--over", "chains.hub.validators=4,0"), "at least one validator"),
        (("sweep", "mine.yaml", "--zip", "seed=1,2", "--zip", "horizon=1s,2s,3s"), "needs as many values for each"),
        (("sweep", "mine.yaml", "--until", "5%"), "needs ci= and a share, such as ci=5%"),
        (("sweep", "mine.yaml", "--until", "ci=5"), "needs a share"),
        (("sweep", "mine.yaml", "--metric", "chains.hub.speed"), "no such metric 'speed'"),
        (("sweep", "mine.yaml", "--executor", "threads"), "needs one of processes, serial, dask"),
        (("sweep", "mine.yaml", "--screen", "20", "--over", "seed=1,2"), "not with --over"),
        (("sweep", "mine.yaml", "--out", "."), "is not a study; give another --out"),
        (("compare", "mine.yaml"), "needs B, or --without-faults, or --set"),
        (("compare", "mine.yaml", "--without-faults"), "has no faults to leave out"),
        (("capacity", "mine.yaml", "--precision", "0.05"), "needs a share in percent"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(starter: Path, arguments: tuple[str, ...], said: str) -> None:
    done = alliance(*arguments, cwd=starter)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (starter / "results").exists()


def test_a_study_is_listed(starter: Path) -> None:
    alliance("sweep", "mine.yaml", "--over", f"{VALIDATORS}=4,7", "-r", 2, *SHORT, cwd=starter)
    (study,) = json.loads(alliance("list", "--json", cwd=starter).stdout)["studies"]
    assert (study["points"], study["replications"], study["ended"]) == (2, 2, True)
    assert "mine-study" in alliance("list", cwd=starter, COLUMNS="200").stdout
