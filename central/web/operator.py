"""The operator's pages: a day's figures with its doses, closing sheets, what sites ask; no recipient's name."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from central.bootstrap import Centre
from central.domain.passport_id import passport_id
from central.domain.signature_standing import last_second
from central.store.database import read_transaction
from central.store.day_counts import NOT_RUN, list_standing, newest_given_day
from central.store.day_runs import DayRun, RunState
from central.web.charts import day_columns, hour_heights, shares
from central.web.here import serve_here_only
from central.web.words import STATES, add_words
from central.workflow.day_closings import day_closings
from central.workflow.day_figures import DayFigures, day_figures
from central.workflow.decide_registration import waiting_requests
from central.workflow.decide_shown_epoch import waiting_cases
from central.workflow.lost_history import shown_losses
from sync_protocol.certificate import organisation_of
from sync_protocol.days import local_day, parse_day
from sync_protocol.errors import Code, ProtocolError

ALL_DAYS: Final = "all"
_PAGE_DOSES: Final = 100
_CODES: Final = frozenset({NOT_RUN, *(code.value for code in Code)})


def operator_blueprint(centre: Centre) -> Blueprint:
    """The operator's pages upon one centre."""
    pages = Blueprint("operator", __name__)
    serve_here_only(pages)
    add_words(pages)

    @pages.context_processor
    def header() -> dict[str, object]:
        return {"centre_name": centre.config.name, "is_demo": centre.config.is_demo, "now": centre.clock.now()}

    @pages.get("/")
    def start() -> Response:
        return redirect(url_for("operator.show_day"))  # type: ignore[return-value]

    @pages.get("/operator")
    def show_day() -> str:
        today = local_day(centre.clock.now())
        with read_transaction(centre.engine) as connection:
            newest = newest_given_day(connection)
            losses, lost_nodes = shown_losses(connection), waiting_cases(connection)
        day = _day_asked(default=_usual_day(today, newest))
        figures = day_figures(centre.engine, day, strip_end=max(day or today, newest or today))
        return render_template(
            "operator_day.html",
            figures=figures,
            day=day,
            today=today,
            all_days=ALL_DAYS,
            columns=day_columns(figures.strip),
            hours=list(zip(figures.hours, hour_heights(figures.hours), strict=True)),
            sites=[(site, shares(site.figures)) for site in figures.sites],
            shares=shares(figures.total),
            reasons=_reasons(figures),
            open_run=_open_run(figures),
            last_run=figures.runs[-1] if figures.runs else None,
            runs=len(figures.runs),
            issued=sum(run.issued for run in figures.runs),
            losses=losses,
            lost_nodes=lost_nodes,
        )

    @pages.get("/operator/closings")
    def show_closings() -> str:
        today = local_day(centre.clock.now())
        with read_transaction(centre.engine) as connection:
            usual = _usual_day(today, newest_given_day(connection))
        # A day is closed by itself, so "all days" means none in particular here.
        day = _day_asked(default=usual) or usual
        return render_template("operator_closings.html", found=day_closings(centre.engine, day), day=day, today=today)

    @pages.get("/operator/registrations")
    def show_registrations() -> str:
        return render_template(
            "operator_registrations.html",
            found=waiting_requests(centre.engine),
            organisation_of=organisation_of,
            last_second=last_second,
        )

    @pages.get("/operator/doses")
    def list_doses() -> str:
        day = _day_asked(default=None)
        state, code, facility = (request.args.get(name, "") for name in ("state", "code", "site"))
        after = request.args.get("after", "0")
        if (state and state not in STATES) or (code and code not in _CODES) or not after.isdecimal():
            abort(400)
        with read_transaction(centre.engine) as connection:
            found = list_standing(
                connection,
                day=day,
                facility=facility,
                state=state,
                code=code or None,
                after=min(int(after), 2**62),
                limit=_PAGE_DOSES + 1,
            )
        shown = found[:_PAGE_DOSES]
        asked = {"day": day or ALL_DAYS, "site": facility, "state": state, "code": code}
        return render_template(
            "operator_doses.html",
            doses=[(dose, passport_id(dose.uvci) if dose.uvci else "") for dose in shown],
            asked=asked,
            day=day,
            all_days=ALL_DAYS,
            after=int(after),
            next_after=shown[-1].id if len(found) > _PAGE_DOSES else None,
        )

    return pages


def _day_asked(*, default: str | None) -> str | None:
    """The day in the address; None means all days."""
    asked = request.args.get("day", "")
    if not asked:
        return default
    if asked == ALL_DAYS:
        return None
    try:
        return parse_day(asked, what="day").isoformat()
    except ProtocolError:
        abort(400)


def _usual_day(today: str, newest: str | None) -> str:
    # In the morning, before the first dose of today is here, yesterday is what one wants to see.
    return newest if newest is not None and newest < today else today


def _open_run(figures: DayFigures) -> DayRun | None:
    return next((run for run in figures.runs if run.state is RunState.OPEN), None)


def _reasons(figures: DayFigures) -> list[tuple[str, str, int]]:
    """Every reason for which doses wait, as (state, code, count), the commonest first."""
    total = figures.total
    found = [
        (state, code, count)
        for state, counts in (
            ("quarantined", total.quarantined),
            ("waiting", total.waiting),
            ("refused", total.refused),
        )
        for code, count in counts.items()
    ]
    return sorted(found, key=lambda reason: -reason[2])
