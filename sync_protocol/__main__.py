"""`hcvx-verify`: verifies any artefact without database and network, and says against which keys of which age.

Exit codes: 0 everything verified, 1 something was refused, 2 usage.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click

from sync_protocol.artefact import ArtefactKind, looks_like_text, recognise
from sync_protocol.catalogue import verify_catalogue
from sync_protocol.command_line import SpokenCommand, VerbWords
from sync_protocol.days import VIETNAM
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.health_certificate import CertifiedProduct
from sync_protocol.judgement import Judgement, Surroundings, judge
from sync_protocol.ledger_export import EXPORT_BYTES
from sync_protocol.picture import PictureExtraMissingError, is_picture, read_qr_codes
from sync_protocol.trust import NO_TRUST, trust_from_file
from sync_protocol.usage_words import WrongUsage
from sync_protocol.verify_report import Language, accepted_lines, refused_lines

STANDARD_INPUT = "-"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_WORDS = VerbWords(
    "Kiểm tra hộ chiếu vắc xin, phiếu tạm, gói, biên nhận, đầu sổ cái, danh sách tin cậy, danh mục và cả sổ cái. "
    "Không cần mạng. Thoát 0 khi mọi thứ đúng, 1 khi có điều bị bác, 2 khi dùng sai.",
    "hcvx-verify --trust tin-cay.hcvx ho-chieu.txt",
    {
        "FILE…": "Tệp, chữ của mã QR mỗi dòng một, ảnh có mã QR, hoặc - cho đầu vào chuẩn.",
        "--text": "Chữ của một mã QR, HC1:… hoặc HCVX1:…; lặp lại được.",
        "--trust": "Danh sách tin cậy đã ký, hoặc JSON của cổng EU.",
        "--catalogue": "Danh mục đã ký, để ghi chú về vắc xin.",
        "--at": "Xét vào lúc này (ISO 8601, giờ Việt Nam); mặc định bây giờ.",
        "--json": "Mỗi đối tượng JSON cho một thứ, mỗi dòng một.",
        "--lang": "Ngôn ngữ của lời nói.",
    },
)


@dataclass(frozen=True, slots=True)
class _Finding:
    """What came out for one artefact: a judgement, or the refusal."""

    source: str
    kind: ArtefactKind | None
    outcome: Judgement | ProtocolError


@click.command(cls=SpokenCommand, words=_WORDS)
@click.argument("files", nargs=-1, metavar="FILE…", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--text", "texts", multiple=True, metavar="TEXT", help="The text of a QR code, HC1:… or HCVX1:…; may be repeated."
)
@click.option(
    "--trust", "trust_file", type=_FILE, metavar="FILE", help="Signed trust list, or the EU gateway's in JSON."
)
@click.option(
    "--catalogue", "catalogue_file", type=_FILE, metavar="FILE", help="Signed catalogue, to remark on vaccines."
)
@click.option(
    "--at", "at_text", metavar="TIME", help="Judge at this instant (ISO 8601, Vietnamese time). Default: now."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each artefact, one a line.")
@click.option("--lang", type=click.Choice(["vi", "en"]), default="vi", show_default=True, help="Language of the words.")
def main(
    *,
    files: tuple[str, ...],
    texts: tuple[str, ...],
    trust_file: Path | None,
    catalogue_file: Path | None,
    at_text: str | None,
    as_json: bool,
    lang: str,
) -> None:
    """Verifies health certificates, slips, bundles, receipts, tree heads, trust lists, catalogues and whole ledgers.

    FILE is an artefact, a text file with one QR code's text a line, a picture with QR codes, or - for standard input.
    """
    if not files and not texts:
        raise WrongUsage(
            "Cần tên tệp, - cho đầu vào chuẩn, hoặc --text.", "name a file, - for standard input, or --text"
        )
    by = Surroundings(NO_TRUST, _instant(at_text))
    failed = False
    for finding, judged_by in _findings(files, texts, trust_file, catalogue_file, by):
        failed = failed or isinstance(finding.outcome, ProtocolError)
        lines = [_json(finding, judged_by)] if as_json else _words(finding, judged_by, cast("Language", lang))
        click.echo("\n".join(lines))
    sys.exit(1 if failed else 0)


def _findings(
    files: Sequence[str], texts: Sequence[str], trust_file: Path | None, catalogue_file: Path | None, by: Surroundings
) -> Iterator[tuple[_Finding, Surroundings]]:
    """Yields each artefact's finding and by what it was judged; a trust list or catalogue that is refused ends it."""
    source, kind = str(trust_file), ArtefactKind.TRUST_LIST
    try:
        if trust_file is not None:
            by = Surroundings(trust_from_file(_read(trust_file), at=by.at), by.at)
        if catalogue_file is not None:
            source, kind = str(catalogue_file), ArtefactKind.CATALOGUE
            by = Surroundings(by.trust, by.at, _products(_read(catalogue_file), by))
    except ProtocolError as refusal:
        yield _Finding(source, kind, refusal), by
        return
    for source in files:
        yield from ((finding, by) for finding in _examine_file(source, by))
    for number, text in enumerate(texts, 1):
        yield _examine(f"--text {number}", text.encode(), by), by


def _examine_file(source: str, by: Surroundings) -> Iterator[_Finding]:
    try:
        data = sys.stdin.buffer.read() if source == STANDARD_INPUT else _read(Path(source))
        parts = _parts(data)
    except ProtocolError as refusal:
        yield _Finding(source, None, refusal)
        return
    for number, part in enumerate(parts, 1):
        yield _examine(source if len(parts) == 1 else f"{source}#{number}", part, by)


def _parts(data: bytes) -> Sequence[bytes]:
    """Cuts a file into its artefacts: the lines of a text, the QR codes of a picture, or the whole."""
    if is_picture(data):
        try:
            return _ours([text.encode() for text in read_qr_codes(data)])
        except PictureExtraMissingError:
            raise WrongUsage(
                "Đọc ảnh cần gói thêm 'picture': pip install 'hcvx[picture]'.",
                "pictures need the extra 'picture': pip install 'hcvx[picture]'",
            ) from None
    if looks_like_text(data):
        return [line for line in data.splitlines() if line.strip()]
    return [data]


def _ours(texts: Sequence[bytes]) -> Sequence[bytes]:
    """Those that are ours, or all: papers have other codes too, a slip that of its tracking code."""
    return [text for text in texts if looks_like_text(text)] or texts


def _examine(source: str, data: bytes, by: Surroundings) -> _Finding:
    kind = None
    try:
        kind = recognise(data)
        return _Finding(source, kind, judge(kind, data, by))
    except ProtocolError as refusal:
        return _Finding(source, kind, refusal)


def _read(path: Path) -> bytes:
    if path.stat().st_size > EXPORT_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"file: more than {EXPORT_BYTES} bytes")
    return path.read_bytes()


def _products(data: bytes, by: Surroundings) -> frozenset[CertifiedProduct]:
    if by.trust.publisher_key is None:
        raise WrongUsage(
            "--catalogue cần --trust với danh sách tin cậy do trung tâm ký.",
            "--catalogue needs --trust with the centre's signed trust list",
        )
    catalogue = verify_catalogue(data, by.trust.publisher_key, at=by.at)
    return frozenset(CertifiedProduct(item.disease, item.vp, item.mp, item.ma) for item in catalogue.products)


def _instant(text: str | None) -> int:
    if text is None:
        # A tool that a person runs by hand has no bootstrap; this is its one look at the clock.
        return int(dt.datetime.now(dt.UTC).timestamp())  # noqa: TID251
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise WrongUsage(
            "--at viết theo ISO 8601, như 2022-04-15T17:30:00.", "--at must be ISO 8601, such as 2022-04-15T17:30:00"
        ) from None
    return int((at if at.tzinfo else at.replace(tzinfo=VIETNAM)).timestamp())


def _json(finding: _Finding, by: Surroundings) -> str:
    outcome = finding.outcome
    found: dict[str, object] = {"ok": True, "code": None, "kind": finding.kind, "source": finding.source}
    if isinstance(outcome, ProtocolError):
        found |= {"ok": False, "code": outcome.code, "rule": outcome.rule}
    else:
        found |= {"facts": dict(outcome.facts), "remarks": list(outcome.remarks)}
    trust = by.trust
    found |= {"at": by.at, "trust": {"origin": trust.origin, "version": trust.version, "issued_at": trust.issued_at}}
    return json.dumps(found, ensure_ascii=False)


def _words(finding: _Finding, by: Surroundings, language: Language) -> Iterator[str]:
    if isinstance(finding.outcome, ProtocolError):
        return refused_lines(finding.source, finding.kind, finding.outcome, trust=by.trust, at=by.at, language=language)
    assert finding.kind is not None
    return accepted_lines(finding.source, finding.kind, finding.outcome, trust=by.trust, at=by.at, language=language)


if __name__ == "__main__":
    main()
