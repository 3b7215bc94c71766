"""The bench of the signing pass runs to its end on small passes, and its lines say what they should."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.signing_pass import measure


def test_the_bench_measures_every_figure_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = {str(line["metric"]): line for line in measure((30, 60))}
    assert {name.partition(".")[0] for name in lines} == set(bench.METRICS["bench.signing_pass"])
    assert {"pass_around.60", "pass_around.slope", "resume_pass.60", "resume_pass.60.signed", "slip_proof.60"} <= set(
        lines
    )
    assert lines["pass_around.60"]["token_operations"] == 1
    assert all(float(str(line["value"])) > 0 for name, line in lines.items() if name != "pass_around.slope")
