"""The paper that somebody takes home: provisional, with what comes next, and the proof of a dose that is signed.

There are two codes on it. The small one holds the tracking code alone, which names the record and not the person. The
large one, once the dose is signed, holds the dose and its proof, for `hcvx-verify`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.main import QRCode
from qrcode.util import QRData
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from edge.domain.roles import Role
from edge.store import doses, node_identity, page_queries, settings
from edge.store.settings import Setting
from edge.web.desks import dose_page
from edge.web.frame.access import allow
from edge.web.frame.node import node
from edge.workflow.prove_slip import make_slip
from sync_protocol.days import local_day

blueprint = Blueprint("slip", __name__)

# The quiet zone that the standard asks for.
_QUIET_MODULES: Final = 4
# The mode of 45 characters (ISO/IEC 18004, 7.4.4).
_ALPHANUMERIC: Final = 2
# Tenths of a millimetre. Beside the facts there is room for 70 mm; office printers and phones manage 0.4 mm a module.
_PROOF_TENTHS: Final = 700
_MODULE_TENTHS: Final = 4
# The desks from which a slip is printed; the page leads back to where it was asked for.
_DESKS: Final = {"injection": "injection.form", "observation": "observation.desk"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A QR to draw: modules of a side with the quiet zone, and one SVG path that fills the dark ones."""

    size: int
    path: str

    @property
    def millimetres(self) -> float:
        """How wide a proof is printed, with its quiet zone."""
        return max(_PROOF_TENTHS, self.size * _MODULE_TENTHS) / 10


@blueprint.get("/doses/<int(max=999999999):sequence>/slip")
@allow(Role.RECEPTION, Role.INJECTION, Role.OBSERVATION, Role.SIGNER, Role.MANAGER)
def show(sequence: int) -> str | Response:
    """The confirmation of a dose, of its newest version."""
    open_node = node()
    with open_node.database.read() as tables:
        if doses.get(tables, sequence) is None:
            raise NotFound
        newest = page_queries.newest_version(tables, sequence)
        if newest != sequence:
            return redirect(url_for("slip.show", sequence=newest, back=request.args.get("back")), 303)
        slip = make_slip(tables, sequence)
        identity = node_identity.get(tables)
        minutes = settings.get(tables, Setting.OBSERVATION_MINUTES)
    products = {one.code: one.name for one in open_node.shelf.catalogue().products}
    return render_template(
        "desks/slip.html",
        slip=slip,
        dose=slip.dose,
        product=products.get(slip.dose.product, slip.dose.product),
        facility_name=identity.facility_name,
        facility=identity.facility,
        sex=dose_page.sex_words(slip.dose.recipient.sex),
        picture=draw(slip.dose.dose_id),
        proof=draw_proof(slip.text) if slip.text else None,
        given_day=local_day(slip.dose.given_at),
        signed_day=local_day(slip.manifest.claimed_at) if slip.manifest else "",
        minutes=minutes,
        back=url_for(_DESKS.get(request.args.get("back", ""), "today.show")),
    )


def draw(text: str) -> Picture:
    """Draw the QR of a tracking code; a quarter of it may be damaged."""
    return _picture(text, correction=ERROR_CORRECT_Q)


def draw_proof(text: str) -> Picture:
    """Draw the QR of a slip's text: 15 in 100 of it may be damaged, more would make its modules too small to print."""
    # Left to itself the library cuts the text into modes, and spends more on the cuts than it saves.
    return _picture(QRData(text, mode=_ALPHANUMERIC), correction=ERROR_CORRECT_M)


def _picture(content: str | QRData, *, correction: int) -> Picture:
    code = QRCode(error_correction=correction, border=_QUIET_MODULES)
    code.add_data(content)
    code.make(fit=True)
    matrix = code.get_matrix()
    return Picture(len(matrix), "".join(_row(cells, y) for y, cells in enumerate(matrix)))


def _row(cells: Sequence[bool | None], y: int) -> str:
    # One rectangle for each dark run: printers leave hairlines between squares that only touch.
    runs, x = [], 0
    for is_dark, run in groupby(cells, key=bool):
        width = len(list(run))
        runs += [f"M{x} {y}h{width}v1h{-width}z"] if is_dark else []
        x += width
    return "".join(runs)
