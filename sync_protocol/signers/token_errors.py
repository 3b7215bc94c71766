"""What can go wrong with a token or a key file, in words that a head of unit can act on.

These are faults of the environment, not of the peer's bytes: `TokenError` stands beside `ProtocolError`. The codes are
in `token_codes`, their words in `token_words`. No text ever holds a PIN, a password or the name of a person.
"""

from __future__ import annotations

from sync_protocol.signers.token_codes import TokenCode
from sync_protocol.signers.token_words import TOKEN_PROBLEMS, TokenProblem

__all__ = ["TOKEN_PROBLEMS", "TokenCode", "TokenError", "TokenProblem"]


class TokenError(Exception):
    """A token, a key file or the process that drives it does not do what was asked.

    Args:
        code: what is wrong.
        detail: the place or the foreign error's name, in English; never a PIN or a person's data.
    """

    def __init__(self, code: TokenCode, detail: str = "") -> None:
        text = f"{code}: {TOKEN_PROBLEMS[code].en}"
        super().__init__(f"{text} ({detail})" if detail else text)
        self.code = code
        self.detail = detail

    @property
    def try_again(self) -> bool:
        """Whether the same call can succeed once a person has done what the cure says."""
        return TOKEN_PROBLEMS[self.code].try_again

    @property
    def vi(self) -> str:
        """What happened, in Vietnamese."""
        return TOKEN_PROBLEMS[self.code].vi

    @property
    def cure(self) -> str:
        """What to do next, in Vietnamese."""
        return TOKEN_PROBLEMS[self.code].cure

    @property
    def en(self) -> str:
        """What happened, in English."""
        return TOKEN_PROBLEMS[self.code].en
