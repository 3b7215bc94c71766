"""Reports: a day, or up to three months, as pictures that are drawn here and need no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from flask import Blueprint, render_template, request

from edge.domain.roles import Role
from edge.store import reports
from edge.store.reports import LotUse, Report
from edge.web.frame.access import allow
from edge.web.frame.formats import iso_day
from edge.web.frame.language import _, plural
from edge.web.frame.node import node
from edge.web.frame.pictures import Amount, Bar, Column, bars, columns, pieces
from edge.web.frame.sentences import link_sentence
from edge.web.office.spans import PRESETS, Span, preset, read_span
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import VIETNAM, local_day
from sync_protocol.identity import IdentityState

blueprint = Blueprint("reports", __name__)

MOST_DAYS: Final = 92
# The first and the last year of each group (5772/QĐ-BYT follows the products' licences: 5, 12, 18).
_AGES: Final = ((0, 4), (5, 11), (12, 17), (18, 49), (50, 64), (65, None))


@dataclass(frozen=True, slots=True)
class LotLine:
    """A lot with what is to be said of it: the kind of state ("good", "warning"), a word, a sentence."""

    use: LotUse
    product: str
    kind: str
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """Everything that is drawn."""

    times: Sequence[Column]
    products: Sequence[Bar]
    lots: Sequence[LotLine]
    identities: Sequence[Bar]
    signing: Sequence[Bar]
    ages: Sequence[Bar]
    sexes: Sequence[Bar]


@blueprint.get("/reports")
@allow(Role.SIGNER, Role.MANAGER)
def show() -> str:
    """The report of a span of days; `?from=2022-04-01&to=2022-04-15`, today by default."""
    open_node = node()
    now = open_node.clock.now()
    span = read_span(request.args, now=now, most_days=MOST_DAYS)
    with open_node.database.read() as tables:
        found = reports.report(tables, span.first_day, span.last_day)
    return render_template(
        "office/reports.html",
        span=span,
        title=span_words(span),
        presets=presets(now),
        report=found,
        pictures=_pictures(found, span, open_node.shelf.catalogue(), now=now),
        link=link_sentence(found.traffic.link, now),
        now=now,
    )


def span_words(span: Span) -> str:
    """The days as a heading says them."""
    if span.first_day == span.last_day:
        return _("ngày %(day)s", day=iso_day(span.first_day))
    return _("từ %(first)s đến %(last)s", first=iso_day(span.first_day), last=iso_day(span.last_day))


def presets(now: int) -> list[tuple[str, str, str]]:
    """The spans that one key chooses: the words, the first and the last day."""
    return [
        (_("Hôm nay") if days == 1 else plural("%(num)s ngày", "%(num)s ngày", days), *preset(days, now=now))
        for days in PRESETS
    ]


def _pictures(found: Report, span: Span, catalogue: Catalogue, *, now: int) -> Pictures:
    names = {product.code: product.name for product in catalogue.products}
    doses = [
        Amount(_("%(product)s, mũi %(number)s", product=names.get(code, code), number=number), count)
        for (code, number), count in sorted(found.doses.items())
    ]
    return Pictures(
        times=columns(_hours(found.hours, span, now) if span.days == 1 else _days(found.days, span, now)),
        products=bars(doses),
        lots=[_lot_line(use, names.get(use.product, use.product)) for use in found.lots],
        identities=pieces(_identities(found.identities), total=found.recorded),
        signing=pieces(_signing(found), total=found.recorded),
        ages=bars([Amount(words, count) for words, count in _ages(found.ages)]),
        sexes=bars([Amount(_("Nữ"), found.sexes.get("F", 0)), Amount(_("Nam"), found.sexes.get("M", 0))]),
    )


def _hours(counts: Mapping[int, int], span: Span, now: int) -> list[Amount]:
    """From 6 to 20 o'clock, further where doses were given outside."""
    is_today = span.first_day == local_day(now)
    current = datetime.fromtimestamp(now, VIETNAM).hour if is_today else None
    return [
        Amount(_("%(hour)s giờ", hour=hour), counts.get(hour, 0), short=str(hour), is_marked=hour == current)
        for hour in range(min([6, *counts]), max([20, *counts]) + 1)
    ]


def _days(counts: Mapping[str, int], span: Span, now: int) -> list[Amount]:
    first = date.fromisoformat(span.first_day)
    found = []
    for day in (first + timedelta(days=passed) for passed in range(span.days)):
        text = day.isoformat()
        marked = text == local_day(now)
        found.append(Amount(iso_day(text), counts.get(text, 0), short=day.strftime("%d/%m"), is_marked=marked))
    return found


def _identities(counts: Mapping[IdentityState, int]) -> list[tuple[str, Amount]]:
    words = (
        (IdentityState.MATCHED, "admitted", _("Đã khớp")),
        (IdentityState.VOUCHED, "unsent", _("Cơ sở đã xem hộ chiếu")),
        (IdentityState.WAITING, "ready", _("Chờ xác thực")),
        (IdentityState.MISMATCH, "returned", _("Không khớp")),
        (IdentityState.MALFORMED, "identity", _("Số sai định dạng")),
        (IdentityState.NO_NUMBER, "other", _("Không có số")),
    )
    return [(kind, Amount(text, counts.get(state, 0))) for state, kind, text in words]


def _signing(found: Report) -> list[tuple[str, Amount]]:
    return [
        ("admitted", Amount(_("Ký trong ngày tiêm"), found.same_day)),
        ("identity", Amount(_("Ký sau ngày tiêm"), found.later)),
        ("other", Amount(_("Chưa ký"), found.recorded - found.same_day - found.later)),
    ]


def _ages(counts: Mapping[int, int]) -> list[tuple[str, int]]:
    found = []
    for first, last in _AGES:
        number = sum(count for age, count in counts.items() if age >= first and (last is None or age <= last))
        words = _("từ %(first)s tuổi", first=first)
        found.append((words if last is None else _("%(first)s–%(last)s tuổi", first=first, last=last), number))
    return found


def _lot_line(use: LotUse, product: str) -> LotLine:
    """What the vials say of a lot. One label is one truth: a vial may yield a dose more than its label says."""
    if not use.vials:
        text = _("Chưa ghi lọ nào của lô này. Ghi lọ đã mở ở bàn tiêm, hoặc xem lại số lô của các mũi.")
        return LotLine(use, product, "warning", _("Thiếu lọ"), text)
    if use.short_days:
        text = plural(
            "Có %(num)s ngày ghi nhiều mũi hơn số liều của lọ đã mở. Kiểm tra lọ chưa ghi hoặc số lô ghi nhầm.",
            "Có %(num)s ngày ghi nhiều mũi hơn số liều của lọ đã mở. Kiểm tra lọ chưa ghi hoặc số lô ghi nhầm.",
            use.short_days,
        )
        return LotLine(use, product, "warning", _("Thiếu lọ"), text)
    if use.spare_days:
        text = plural(
            "Có %(num)s ngày dư từ một lọ trở lên. Kiểm tra mũi chưa ghi, hoặc ghi hao phí.",
            "Có %(num)s ngày dư từ một lọ trở lên. Kiểm tra mũi chưa ghi, hoặc ghi hao phí.",
            use.spare_days,
        )
        return LotLine(use, product, "warning", _("Dư liều"), text)
    return LotLine(use, product, "good", _("Khớp"), "")
