"""The operator's page of trust: authorities with the age of their lists, and signatures that are in question."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, render_template

from central.bootstrap import Centre
from central.store.trust import AnchorScope, CertificateRole, TrustedRow
from central.web.here import serve_here_only
from central.workflow.trust_status import TrustWarning, is_stale, trust_status

_SHOWN: Final = 200
_WARNINGS: Final = {
    TrustWarning.CRL_MISSING: "Chưa có danh sách thu hồi",
    TrustWarning.CRL_STALE: "Danh sách thu hồi quá hạn cập nhật",
    TrustWarning.ENDING: "Chứng thư sắp hết hạn",
    TrustWarning.ENDED: "Chứng thư đã hết hạn",
    TrustWarning.REVOKED: "Chứng thư đã bị thu hồi",
}


def trust_blueprint(centre: Centre) -> Blueprint:
    """The page upon one centre."""
    pages = Blueprint("trust", __name__)
    serve_here_only(pages)

    @pages.get("/operator/trust")
    def show() -> str:
        now = centre.clock.now()
        found = trust_status(centre.engine, now=now)
        return render_template(
            "operator_trust.html",
            centre_name=centre.config.name,
            is_demo=centre.config.is_demo,
            now=now,
            authorities=[
                (one, _kind(one.row), [_WARNINGS[warning] for warning in one.warnings]) for one in found.authorities
            ],
            stale={held.line for one in found.authorities for held in one.crls if is_stale(held, now=now)},
            questioned=found.questioned[:_SHOWN],
            more=max(0, len(found.questioned) - _SHOWN),
        )

    return pages


def _kind(row: TrustedRow) -> str:
    if row.role is CertificateRole.ORGANISATION_INTERMEDIATE:
        return "Trung gian"
    match row.scope:
        case AnchorScope.GOVERNMENT:
            return "Gốc, chuyên dùng Chính phủ"
        case AnchorScope.PUBLIC:
            return "Gốc, công cộng"
        case AnchorScope.UNSTATED:
            return "Gốc"
