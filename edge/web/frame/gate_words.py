"""What is said of the time that the node has been alone, and of its clock: every finding a sentence, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.domain.clock_sanity import ClockCode, ClockFinding, is_doubtful
from edge.domain.offline_gate import GateCode, GateFinding, GateLevel, look, needs_reason, needs_second
from edge.store.database import Tables
from edge.web.frame.formats import count, duration, iso_day, moment
from edge.web.frame.language import _, plural
from edge.workflow.judge_offline import gate_facts
from edge.workflow.keep_clock import clock_findings
from sync_protocol.days import local_day
from sync_protocol.offline_policy import OfflinePolicy

_DAY_HOURS: Final = 24
_DAY_SECONDS: Final = 86_400
_YEAR_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class GateLine:
    """One finding for the eye: what it is about in a word, the sentence with figure and since when, what to do."""

    finding: GateFinding
    kind: str
    word: str
    text: str
    cure: str


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One thing about the clock for the eye."""

    finding: ClockFinding
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class GateView:
    """All that is past a threshold; empty when all is well."""

    lines: Sequence[GateLine] = ()
    clock: Sequence[ClockLine] = ()
    needs_reason: bool = False
    needs_second: bool = False
    is_clock_doubtful: bool = False

    @property
    def kind(self) -> str:
        """How grave the gravest is: "" when all is well."""
        return "danger" if self.needs_second else "warning" if self.needs_reason else "plain" if self.lines else ""


def gate_view(tables: Tables, policy: OfflinePolicy, *, now: int) -> GateView:
    """Look at everything; `now` is epoch seconds UTC. Raises StoreError."""
    findings = look(gate_facts(tables, now=now), policy)
    clock = clock_findings(tables)
    return GateView(
        [_line(one, now) for one in findings],
        [clock_line(one, now) for one in clock],
        needs_reason=needs_reason(findings),
        needs_second=needs_second(findings),
        is_clock_doubtful=is_doubtful(clock),
    )


def gate_json(view: GateView) -> dict[str, object]:
    """Every finding in the stable words of `status --json`."""
    return {
        "alone": [
            {
                "code": line.finding.code.value,
                "level": line.finding.level.name.lower(),
                "figure": line.finding.figure,
                "since": line.finding.since,
            }
            for line in view.lines
        ],
        "clock": [
            {"code": one.finding.code.value, "seconds": one.finding.seconds, "since": one.finding.since}
            for one in view.clock
        ],
    }


def clock_line(finding: ClockFinding, now: int) -> ClockLine:
    """What is to be said of the clock."""
    by = span(finding.seconds)
    match finding.code:
        case ClockCode.BEHIND:
            since = moment(finding.since, now)
            text = _("Đồng hồ máy chậm ít nhất %(by)s so với lần ghi gần nhất (%(since)s).", by=by, since=since)
            return ClockLine(finding, "danger", text)
        case ClockCode.JUMPED_BACK:
            return ClockLine(finding, "warning", _("Đồng hồ máy vừa bị lùi lại %(by)s.", by=by))
        case ClockCode.JUMPED_AHEAD:
            return ClockLine(finding, "warning", _("Đồng hồ máy vừa nhảy tới trước %(by)s.", by=by))
        case ClockCode.SLOW:
            return ClockLine(finding, "warning", _("Đồng hồ máy chậm khoảng %(by)s so với trung tâm.", by=by))
        case ClockCode.FAST:
            return ClockLine(finding, "warning", _("Đồng hồ máy nhanh khoảng %(by)s so với trung tâm.", by=by))
        case ClockCode.OVERRIDDEN:
            since = moment(finding.since, now)
            return ClockLine(finding, "plain", _("Đang dùng ngày giờ do người đặt từ %(since)s.", since=since))


def span(seconds: int) -> str:
    """How long, as roughly as people say it: 12 phút, 3 giờ, 5 ngày, 52 năm."""
    seconds = abs(seconds)
    days = round(seconds / _DAY_SECONDS)
    if days >= 2 * _YEAR_DAYS:
        return plural("%(num)s năm", "%(num)s năm", round(days / _YEAR_DAYS))
    if days >= 2:
        return plural("%(num)s ngày", "%(num)s ngày", days)
    hours = round(seconds / 3_600)
    # Up to two hours the minutes matter.
    return duration(seconds) if hours < 2 else plural("%(num)s giờ", "%(num)s giờ", hours)


def _line(finding: GateFinding, now: int) -> GateLine:
    kind = {GateLevel.WARN: "plain", GateLevel.REASON: "warning", GateLevel.SECOND: "danger"}[finding.level]
    return GateLine(finding, kind, *_words(finding, now))


def _words(finding: GateFinding, now: int) -> tuple[str, str, str]:
    since = moment(finding.since, now)
    send = _("Nối mạng rồi đồng bộ, hoặc chép ra USB mang đến trung tâm.")
    match finding.code:
        case GateCode.CONTACT:
            text = _("Không có tin từ trung tâm đã %(time)s, từ %(since)s.", time=_hours(finding.figure), since=since)
            return _("Liên lạc"), text, send
        case GateCode.UNSENT:
            text = plural(
                "%(doses)s mũi đã ký chưa có biên nhận, cũ nhất từ %(since)s.",
                "%(doses)s mũi đã ký chưa có biên nhận, cũ nhất từ %(since)s.",
                finding.figure,
                doses=count(finding.figure),
                since=since,
            )
            return _("Chưa gửi"), text, send
        case GateCode.REVOCATIONS:
            text = _("Danh sách thu hồi chứng thư số đã %(days)s.", days=_days(finding.figure))
            return _("Danh sách thu hồi"), text, _("Đồng bộ để nhận danh sách mới.")
        case GateCode.PACK:
            text = _("Gói dữ liệu dân cư đã %(days)s.", days=_days(finding.figure))
            return _("Gói dân cư"), text, _("Đồng bộ, hoặc nhập gói mới từ USB.")
        case GateCode.CATALOGUE:
            return _("Danh mục"), _end(_("Danh mục"), finding), _("Đồng bộ để nhận danh mục mới.")
        case GateCode.TRUST_LIST:
            said = _end(_("Danh sách tin cậy"), finding)
            return _("Tin cậy"), said, _("Đồng bộ để nhận danh sách tin cậy mới.")
        case GateCode.MISSING:
            text = _("Trung tâm nói có tin cho máy này từ %(since)s mà chưa nhận được.", since=since)
            return _("Tin chưa nhận"), text, _("Đồng bộ lại; nếu vẫn thiếu thì báo trung tâm.")
        case GateCode.CLOCK:
            text = _("Đồng hồ máy có thể sai.")
            if finding.level is GateLevel.WARN:
                text = _("Đang dùng ngày giờ do người đặt.")
            return _("Đồng hồ"), text, _("Người ký hoặc quản lý mở trang Đồng hồ để xem và xác nhận.")


def _end(what: str, finding: GateFinding) -> str:
    day = iso_day(local_day(finding.since))
    if finding.figure > 0 or finding.level is GateLevel.REASON:
        return _("%(what)s hết hạn ngày %(day)s.", what=what, day=day)
    return _("%(what)s còn %(days)s, đến %(day)s.", what=what, days=_days(-finding.figure), day=day)


def _hours(hours: int) -> str:
    if hours < 2 * _DAY_HOURS:
        return plural("%(num)s giờ", "%(num)s giờ", hours)
    return _days(hours // _DAY_HOURS)


def _days(days: int) -> str:
    return plural("%(num)s ngày", "%(num)s ngày", days)
