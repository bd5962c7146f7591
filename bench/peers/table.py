"""The result of all contests as Markdown."""

from __future__ import annotations

from typing import Any

from bench.peers.contests import OURS


def as_markdown(result: dict[str, Any]) -> str:
    """One table a contest, fastest first, and who took no part."""
    machine = result["machine"]
    parts = [
        "# Beside its peers",
        (
            f"Made by `{result['command']}` on {machine['date']}: {machine['processors']} processors of type"
            f" {machine['processor']}, {machine['system']}, Python {machine['python']}, {machine['openssl']},"
            f" numba {machine['numba']}; load {machine['load_before'][0]:.1f} before and"
            f" {machine['load_after'][0]:.1f} after. Everybody has the same input and takes turns; the best of"
            f" {result['rounds']} rounds counts. Whoever comes to another result ends the run. `bench/peers/` holds one"
            " short file a peer."
        ),
    ]
    for contest in result["contests"].values():
        parts += [f"## {contest['title']}", f"Checked: {contest['checked']}.", _table(contest)]
    parts += ["## Not here", *(f"- {package}: {reason}" for package, reason in result["left_out"].items())]
    blocks = "\n\n".join(parts)
    return blocks.replace("\n\n- ", "\n- ").replace("## Not here\n- ", "## Not here\n\n- ") + "\n"


def _table(contest: dict[str, Any]) -> str:
    rates = contest["rates_per_s"]
    lines = [f"| | version | {contest['unit']}/s | this project ÷ it |", "|---|---|---:|---:|"]
    for name, entry in rates.items():
        mine = name.replace(name.partition(": ")[2], OURS) if ": " in name else OURS
        ratio = rates[mine]["rate"] / entry["rate"]
        shown = f"**{name}**" if OURS in name else name
        lines.append(f"| {shown} | {entry['version'] or ''} | {entry['rate']:,.0f} | {_digits(ratio)} |")
    return "\n".join(lines)


def _digits(ratio: float) -> str:
    """Three of them."""
    return f"{float(f'{ratio:.3g}'):,g}"
