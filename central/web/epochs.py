"""The operator's page of restored and copied nodes: both histories side by side, and the decision who goes on."""

from __future__ import annotations

import hmac
from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from central.bootstrap import Centre
from central.domain.node_epoch import EpochStanding
from central.store.bundles import FORKS_KEPT
from central.web.here import serve_here_only
from central.web.words import SHOWN_STANDINGS
from central.workflow.decide_epoch import decide_epoch
from central.workflow.decide_shown_epoch import decide_shown_epoch, shown_cases, waiting_showing
from central.workflow.show_epochs import epoch_cases, waiting_digest
from sync_protocol.errors import ProtocolError
from sync_protocol.node_epoch import EpochReason
from sync_protocol.problems import PROBLEMS

STANDINGS: Final = {
    EpochStanding.OLDER: "bản sao lưu cũ hơn của cùng một lịch sử",
    EpochStanding.AHEAD: "có thêm gói mà sổ cái chưa có, không mâu thuẫn",
    EpochStanding.OTHER: "lịch sử khác với sổ cái",
    EpochStanding.UNKNOWN: "chưa so được với sổ cái",
}
REASONS: Final = {
    EpochReason.RESTORED: "khôi phục từ bản sao lưu",
    EpochReason.COPIED: "ổ đĩa bị sao chép",
    EpochReason.DEMANDED: "theo yêu cầu của trung tâm",
}
KINDS: Final = {
    "batch": "lô ký",
    "doses": "chuyển ký thay",
    "questions": "hỏi về người dân",
    "answers": "trả lời",
    "closing": "chốt ngày",
    "report": "báo cáo",
    "registration": "đăng ký chứng thư số",
    "handed-back": "trả lại mũi ký thay",
}
_TOKEN_BYTES: Final = 16
_GRANT: Final = "grant"
_REFUSE: Final = "refuse"


def epochs_blueprint(centre: Centre) -> Blueprint:
    """The page upon one centre."""
    pages = Blueprint("epochs", __name__)
    serve_here_only(pages)
    # A page of another site in the same browser cannot know it, so it cannot send this form.
    token = centre.entropy.token(_TOKEN_BYTES).hex()

    def page(*, problem: str = "", typed: dict[str, str] | None = None) -> str:
        return render_template(
            "operator_epochs.html",
            centre_name=centre.config.name,
            is_demo=centre.config.is_demo,
            now=centre.clock.now(),
            found=epoch_cases(centre.engine),
            shown=shown_cases(centre.engine),
            shown_words=SHOWN_STANDINGS,
            standings=STANDINGS,
            reasons=REASONS,
            kinds=KINDS,
            token=token,
            most_kept=FORKS_KEPT,
            problem=problem,
            typed=typed or {},
        )

    @pages.get("/operator/epochs")
    def show() -> str:
        return page()

    @pages.post("/operator/epochs")
    def decide() -> Response | tuple[str, int]:
        form = request.form
        if not hmac.compare_digest(form.get("token", ""), token) or _comes_from_elsewhere():
            abort(403)
        wanted = form.get("what", "")
        if wanted not in (_GRANT, _REFUSE):
            abort(400)
        typed = {name: form.get(name, "") for name in ("request", "by", "why")}
        if form.get("confirmed") != "yes" or not typed["by"].strip() or not typed["why"].strip():
            return page(problem="Ghi họ tên, lý do và đánh dấu ô xác nhận rồi bấm lại.", typed=typed), 422
        try:
            if not _decide(centre, typed, is_granted=wanted == _GRANT):
                return page(problem="Yêu cầu này không còn chờ: có người đã quyết định.", typed=typed), 409
        except ProtocolError as error:
            said = PROBLEMS[error.code]
            return page(problem=f"{said.vi} {said.cure}", typed=typed), said.status
        return redirect(url_for("epochs.show"), 303)  # type: ignore[return-value]

    return pages


def _decide(centre: Centre, typed: dict[str, str], *, is_granted: bool) -> bool:
    """Decides a request for a new epoch or a shown one; False where none of these letters waits."""
    now = centre.clock.now()
    if (digest := waiting_digest(centre.engine, typed["request"])) is not None:
        decide_epoch(
            digest,
            is_granted=is_granted,
            by=typed["by"],
            why=typed["why"],
            engine=centre.engine,
            keys=centre.keys,
            entropy=centre.entropy,
            now=now,
        )
        return True
    if (digest := waiting_showing(centre.engine, typed["request"])) is not None:
        decide_shown_epoch(
            digest,
            is_taken=is_granted,
            by=typed["by"],
            why=typed["why"],
            engine=centre.engine,
            keys=centre.keys,
            now=now,
        )
        return True
    return False


def _comes_from_elsewhere() -> bool:
    said = request.headers.get("Sec-Fetch-Site", "same-origin")
    return said not in ("same-origin", "none")
