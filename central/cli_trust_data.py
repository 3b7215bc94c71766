"""What the verbs about trust say: words for a person, and data for programs."""

from __future__ import annotations

from typing import Final

from central.cli_state import say
from central.store.crls import CrlSource, HeldCrl
from central.store.trust import AnchorScope, CertificateRole, TrustedRow
from central.workflow import fetch_crls as fetching
from central.workflow.fetch_crls import FetchedCrl
from central.workflow.import_crl import TakenCrl
from central.workflow.recheck_revocations import QuestionedBatch
from central.workflow.trust_status import AuthorityStatus, TrustWarning
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS

_SCOPES: Final = {
    AnchorScope.GOVERNMENT: "chuyên dùng Chính phủ",
    AnchorScope.PUBLIC: "công cộng",
    AnchorScope.UNSTATED: "chưa ghi phạm vi",
}
WARNINGS: Final = {
    TrustWarning.CRL_MISSING: "chưa có danh sách thu hồi (CRL)",
    TrustWarning.CRL_STALE: "danh sách thu hồi (CRL) đã quá hạn cập nhật",
    TrustWarning.ENDING: "chứng thư sắp hết hạn",
    TrustWarning.ENDED: "chứng thư đã hết hạn",
    TrustWarning.REVOKED: "chứng thư đã bị thu hồi",
}


def kind(row: TrustedRow) -> str:
    """What an authority is, in a few words."""
    if row.role is CertificateRole.ORGANISATION_INTERMEDIATE:
        return "Trung gian"
    return f"Gốc ({_SCOPES[row.scope]})"


def outcome(one: FetchedCrl) -> str:
    """How an address answered, in words."""
    match one.outcome:
        case fetching.TAKEN:
            return "đã nhận bản mới"
        case fetching.UNCHANGED:
            return "không thay đổi"
        case fetching.UNREACHABLE:
            return f"chưa tải được ({one.rule})"
        case code:
            return f"{PROBLEMS[Code(code)].vi} [{code}]"


def say_questioned(found: tuple[QuestionedBatch, ...]) -> None:
    """Tells of every batch that a person must look at."""
    for one in found:
        batch = one.batch
        say(
            f"CẦN XEM XÉT: lô {batch.batch_number} của {batch.facility} (nút {batch.node}), "
            f"{one.waiting} mũi giữ lại, {one.certified} mũi đã cấp chứng nhận [{one.objection.code.value}]"
        )


def authority_data(row: TrustedRow) -> dict[str, object]:
    """An authority for `--json`."""
    certificate = row.certificate
    return {
        "subject": certificate.subject,
        "thumbprint": certificate.thumbprint.hex(),
        "role": "anchor" if row.role is CertificateRole.ORGANISATION_ANCHOR else "intermediate",
        "scope": row.scope.value,
        "not_before": int(certificate.not_before.timestamp()),
        "not_after": int(certificate.not_after.timestamp()),
        "added_at": row.added_at,
        "removed_at": row.removed_at,
    }


def status_data(one: AuthorityStatus, *, now: int) -> dict[str, object]:
    """An authority with its lists for `--json`."""
    return {
        **authority_data(one.row),
        "revoked_at": one.revoked_at,
        "warnings": [warning.value for warning in one.warnings],
        "crls": [crl_data(held, now=now) for held in one.crls],
        "addresses": [source_data(source) for source in one.sources],
    }


def crl_data(held: HeldCrl, *, now: int) -> dict[str, object]:
    """A list that is held, for `--json`; its age in seconds."""
    return {
        "number": held.number,
        "this_update": held.this_update,
        "next_update": held.next_update,
        "age_seconds": max(0, now - held.this_update),
        "entries": held.entries,
        "fetched_at": held.fetched_at,
        "source": held.source,
    }


def source_data(source: CrlSource) -> dict[str, object]:
    """An address for `--json`."""
    return {"url": source.url, "asked_at": source.asked_at or None, "outcome": source.outcome}


def taken_data(taken: TakenCrl) -> dict[str, object]:
    """A list that was taken, for `--json`."""
    return {
        "issuer": taken.issuer,
        "number": taken.number,
        "this_update": taken.this_update,
        "next_update": taken.next_update,
        "entries": taken.entries,
        "is_new": taken.is_new,
        "questioned": [questioned_data(one) for one in taken.questioned],
    }


def fetched_data(one: FetchedCrl) -> dict[str, object]:
    """How an address answered, for `--json`."""
    return {"url": one.url, "outcome": one.outcome, "crl": None if one.crl is None else taken_data(one.crl)}


def questioned_data(one: QuestionedBatch) -> dict[str, object]:
    """A batch in question with both its bounds, for `--json`."""
    batch, objection = one.batch, one.objection
    return {
        "ledger_index": batch.ledger_index,
        "facility": batch.facility,
        "node": batch.node,
        "batch_number": batch.batch_number,
        "serial": batch.serial,
        "not_before": batch.window.not_before or None,
        "not_after": batch.window.not_after,
        "code": objection.code.value,
        "at": objection.at,
        "is_certain": objection.is_final,
        "waiting": one.waiting,
        "certified": one.certified,
    }
