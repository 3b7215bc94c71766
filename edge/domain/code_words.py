"""The words of every code that the node may say: the fact and what to do next, in Vietnamese; the fact in English.

The node's own stand in `desk_words`, `list_words` and `house_words`, those of the protocol in `sync_protocol.problems`;
`words` gives the sentence for any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.domain.desk_words import DESK_WORDS
from edge.domain.house_words import HOUSE_WORDS
from edge.domain.list_words import LIST_WORDS
from edge.domain.refusals import AnyCode, EdgeCode, Words
from sync_protocol.problems import PROBLEMS

REFUSALS: Final[Mapping[EdgeCode, Words]] = MappingProxyType({**DESK_WORDS, **LIST_WORDS, **HOUSE_WORDS})


def words(code: AnyCode) -> Words:
    """Return the words of a code of the node or of the protocol."""
    if isinstance(code, EdgeCode):
        return REFUSALS[code]
    problem = PROBLEMS[code]
    return Words(problem.vi, problem.cure, problem.en)
