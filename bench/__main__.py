"""Runs the benchmarks and prints JSON lines: `{"metric", "value", "unit", "limit", "ratio", "peer", "target", "met"}`.

A figure is only worth its ratio: `limit` and `peer` are measured in the same run wherever that is possible.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Iterable
from typing import cast

import click

# Which module measures which metrics; a metric's sizes carry a suffix such as `.10k`.
METRICS: dict[str, tuple[str, ...]] = {
    "bench.wire": ("wire_day", "wire_pass", "wire_ten", "verify_batch"),
    "bench.health_certificates": ("issue_hc1", "verify_hc1"),
    "bench.end_of_day": ("end_of_day",),
    "bench.news": ("population_change", "tell_passports"),
    "bench.tell_nodes": ("tell_nodes",),
    "bench.record_dose": ("record_dose",),
    "bench.site": ("site_search", "site_record", "page_p99", "site_browsers", "rss_node", "export_rows"),
    "bench.ingest": ("ingest",),
    "bench.link": ("link_2g", "link_1m", "link_flap", "resend_cut", "link_single", "idle_contact"),
    "bench.tokens": ("token_ops",),
    "bench.signing_pass": ("pass_around", "resume_pass", "slip_proof"),
}


@click.command()
@click.option("--only", help="One metric, e.g. wire_day.")
def main(only: str | None) -> None:
    """Prints one JSON line for each metric."""
    known = {metric for metrics in METRICS.values() for metric in metrics}
    if only is not None and only not in known:
        raise click.UsageError(f"unknown metric {only!r}; known: {', '.join(sorted(known))}")
    for module, metrics in METRICS.items():
        if only is not None and only not in metrics:
            continue
        measure = cast("Callable[..., Iterable[dict[str, object]]]", importlib.import_module(module).measure)
        # Lines that take minutes each are measured one by one.
        for line in measure(only) if "only" in inspect.signature(measure).parameters else measure():
            if only is None or str(line["metric"]).split(".", maxsplit=1)[0] == only:
                click.echo(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    main()
