"""What holds at this site, for the manager: idle minutes, a second approval, observation, the injection tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.domain.refusals import RefusedError
from edge.domain.roles import Role
from edge.store import settings
from edge.store.settings import BOUNDS, MOST_STATIONS, STATION_CHARS, Setting
from edge.web.frame.access import allow, current_user
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.workflow.change_settings import change_settings

blueprint = Blueprint("settings_page", __name__)

# Stands for what is no number; beyond every bound.
_NO_NUMBER: Final = -1
_NUMBER_CHARS: Final = 6


@blueprint.get("/settings")
@allow(Role.MANAGER)
def show() -> str:
    """The settings as they hold."""
    with node().database.read() as tables:
        values = {setting.value: str(settings.get(tables, setting)) for setting in BOUNDS}
        values[Setting.STATIONS.value] = "\n".join(settings.stations(tables))
    return _page(values, {})


@blueprint.post("/settings")
@allow(Role.MANAGER)
def save() -> Response:
    """Write them all, or none and say which ones are out of bounds."""
    numbers = {setting: _number(request.form.get(setting.value, "")) for setting in BOUNDS}
    names = [line for line in request.form.get(Setting.STATIONS.value, "").splitlines() if line.strip()]
    open_node = node()
    changed = change_settings(open_node.database, numbers, names, at=open_node.clock.now(), by=current_user().name)
    return redirect(url_for("settings_page.show", changed=changed), 303)


@blueprint.errorhandler(RefusedError)
def refused(error: RefusedError) -> tuple[str, int]:
    """The same page with what was typed, each fault beside its field."""
    values = {setting.value: request.form.get(setting.value, "") for setting in Setting}
    return _page(values, {finding.field: _rule(finding.field) for finding in error.findings}), 422


def _rule(name: str) -> str:
    if name == Setting.STATIONS.value:
        return _(
            "Mỗi dòng một bàn tiêm, từ 1 đến %(most)s bàn, tên khác nhau, tối đa %(chars)s ký tự.",
            most=MOST_STATIONS,
            chars=STATION_CHARS,
        )
    bounds = BOUNDS[Setting(name)]
    return _("Một số từ %(least)s đến %(greatest)s.", least=bounds.least, greatest=bounds.greatest)


def _page(values: Mapping[str, str], errors: Mapping[str, str]) -> str:
    changed = request.args.get("changed", "")
    return render_template(
        "house/settings.html",
        values=values,
        errors=errors,
        bounds={setting.value: bounds for setting, bounds in BOUNDS.items()},
        rule=_rule,
        changed="" if not changed.isascii() or not changed.isdigit() else changed[:3],
    )


def _number(text: str) -> int:
    tidy = text.strip()
    return int(tidy) if tidy.isascii() and tidy.isdigit() and len(tidy) <= _NUMBER_CHARS else _NO_NUMBER
