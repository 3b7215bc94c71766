"""A form about an account: what was typed apart from passwords, and each fault beside its field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask import request

from edge.domain.code_words import words
from edge.domain.refusals import EdgeCode, RefusedError
from edge.web.frame.form_words import sentence
from edge.web.frame.language import _, plural


@dataclass(slots=True)
class AccountForm:
    """The form as the page shows it.

    Attributes:
        order: the fields as they stand on the page.
        values: what was typed, by field; never a password.
        errors: sentences, by the field beside which they stand.
        code: of the first fault, to be read to somebody on the telephone.
    """

    order: Sequence[str]
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    code: str = ""

    @property
    def focus(self) -> str:
        """Where the cursor belongs: the first fault, else the first field."""
        return next((name for name in self.order if name in self.errors), self.order[0])

    def show(self, error: RefusedError) -> None:
        """Put each finding beside its field."""
        self.code = error.findings[0].code.value
        for finding in error.findings:
            at = finding.field if finding.field in self.order else self.order[0]
            match finding.code:
                case EdgeCode.CELL_MISSING:
                    said = _("Ô này còn trống hoặc quá dài.")
                case EdgeCode.ACCOUNT_LOCKED:
                    said = plural(
                        "Tài khoản tạm khóa vì sai mật khẩu nhiều lần; thử lại sau %(num)s phút.",
                        "Tài khoản tạm khóa vì sai mật khẩu nhiều lần; thử lại sau %(num)s phút.",
                        int(finding.detail),
                    )
                case other:
                    said = sentence(words(other))
            self.errors.setdefault(at, said)


def typed(order: Sequence[str], *names: str) -> AccountForm:
    """The form of this request; `names` are the fields that are shown again as they were typed."""
    return AccountForm(order, {name: request.form.get(name, "") for name in names})
