"""All columns of doses, in the order in which they are written and read.

The two functions here describe the order once for both directions. With a writer they get the doses, and every column
comes back as it went in; with a reader they get none, and the columns are what was read.

The person of a row is told first: as new, or by how far back among the people already met. A row's *run* is how many
rows before it are about the same person without a break; in a pass of people with three doses each it tells nearly all
about who comes next, and which dose it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from sync_protocol.column_codecs import ColumnPort
from sync_protocol.column_costs import Column
from sync_protocol.dose import Dose
from sync_protocol.field_columns import (
    BirthColumns,
    DigitColumns,
    NameColumns,
    NumberColumns,
    member,
)
from sync_protocol.identity import PAPERS, SEXES, SOURCES, STATES, IdentityEvidence, Recipient

Home: TypeAlias = tuple[str, str]
ELSEWHERE: Final[Home] = ("", "")

# Local time in Vietnam is UTC+7 all year; by local days the days of doses repeat.
_LOCAL_SECONDS: Final = 7 * 3600
_DAY_SECONDS: Final = 86_400
_RUN_MAX: Final = 3
_NEW_PERSON: Final = 0


def carry_doses(port: ColumnPort, doses: Sequence[Dose], rows: int, *, home: Home) -> list[Dose]:
    """Writes or reads doses.

    Args:
        port: a writer or a reader.
        doses: none in reading.
        rows: how many doses there are.
        home: the node and the facility that are written as the empty text; `ELSEWHERE` for none.

    Raises:
        ProtocolError: COLUMNS_INVALID, in reading.
        IndexError, OverflowError, RuntimeError, ValueError: in reading, where columns do not fit together.
    """
    people, who, runs = _carry_people_of_rows(port, [dose.recipient for dose in doses], rows)
    nodes = _carry_codes(port, [dose.node for dose in doses], rows, usual=home[0])
    facilities = _carry_codes(port, [dose.facility for dose in doses], rows, usual=home[1])
    sequences = port.series([dose.sequence for dose in doses], rows)
    lots, lot_places = port.texts([dose.lot for dose in doses], rows)
    products, _ = port.texts([dose.product for dose in doses], rows, contexts=[lot_places])
    expiries, _ = port.texts([dose.lot_expiry for dose in doses], rows, contexts=[lot_places])
    numbers = port.integers([dose.dose_number for dose in doses], rows, contexts=[runs])
    totals = port.integers([dose.dose_total for dose in doses], rows, contexts=[numbers, lot_places])
    local = [dose.given_at + _LOCAL_SECONDS for dose in doses]
    days = port.series([at // _DAY_SECONDS for at in local], rows, contexts=[runs])
    seconds = port.series([at % _DAY_SECONDS for at in local], rows)
    given = [day * _DAY_SECONDS + second - _LOCAL_SECONDS for day, second in zip(days, seconds, strict=True)]
    recorded = port.series([dose.recorded_at for dose in doses], rows, anchors=[given])
    vaccinators, staff = port.texts([dose.vaccinator for dose in doses], rows)
    stations, _ = port.texts([dose.station for dose in doses], rows, contexts=[staff])
    reactions, _ = port.texts([dose.reaction for dose in doses], rows)
    recorders, _ = port.texts([dose.recorded_by for dose in doses], rows, contexts=[staff])
    late_reasons, _ = port.texts([dose.late_reason for dose in doses], rows, contexts=[days])
    states = port.integers([STATES.index(dose.evidence.state) for dose in doses], rows, contexts=[runs])
    sources = port.integers([SOURCES.index(dose.evidence.source) for dose in doses], rows, contexts=[states])
    references, _ = port.texts([dose.evidence.reference for dose in doses], rows, contexts=[sources])
    checked = port.series([dose.evidence.checked_at for dose in doses], rows, anchors=[given, recorded])
    # A dose replaces another one or none; no dose has sequence 0.
    replaces = port.series([dose.replaces or 0 for dose in doses], rows, anchors=[sequences])
    replace_reasons, _ = port.texts([dose.replace_reason for dose in doses], rows)
    evidence = [
        IdentityEvidence(member(STATES, state), member(SOURCES, source), reference, at)
        for state, source, reference, at in zip(states, sources, references, checked, strict=True)
    ]
    # The order of the arguments is the order of the fields; names would cost a third of the time of unpacking.
    in_field_order = (
        nodes,
        sequences,
        [people[index] for index in who],
        products,
        lots,
        expiries,
        numbers,
        totals,
        given,
        recorded,
        vaccinators,
        stations,
        reactions,
        recorders,
        late_reasons,
        evidence,
        [older or None for older in replaces],
        replace_reasons,
        facilities,
    )
    return list(map(Dose, *in_field_order))


def _carry_codes(port: ColumnPort, codes: Sequence[str], rows: int, *, usual: str) -> list[str]:
    """Nodes or facilities; no code is empty, so the empty text is free to stand for the usual one."""
    found, _ = port.texts(["" if code == usual else code for code in codes], rows)
    return [code or usual for code in found]


def _carry_people_of_rows(
    port: ColumnPort, recipients: Sequence[Recipient], rows: int
) -> tuple[list[Recipient], Column, Column]:
    """The people, each once; for each row the index of its person; for each row its run."""
    met: dict[Recipient, int] = {}
    back: Column = []
    for recipient in recipients:
        index = met.get(recipient)
        back.append(_NEW_PERSON if index is None else len(met) - index)
        met.setdefault(recipient, len(met))
    # Whether a row's person is another one depends on the run so far, so the rows are told by the lengths of the runs.
    starts, lengths = _runs(recipients)
    count = port.integers([len(lengths)], 1)[0]
    if not 0 <= count <= rows:
        raise ValueError("there are no more runs than rows")
    lengths = port.integers(lengths, count)
    backs = port.integers([back[start] for start in starts], count)
    who: Column = []
    runs: Column = []
    people_count = 0
    for length, distance in zip(lengths, backs, strict=True):
        if not 1 <= length <= rows - len(who):
            raise ValueError("the runs are longer than the rows")
        if distance == _NEW_PERSON:
            index = people_count
            people_count += 1
        else:
            index = people_count - distance
            if not 0 <= index < people_count:
                raise ValueError("nobody was met so far back")
        who += [index] * length
        runs += [min(run, _RUN_MAX) for run in range(length)]
    if len(who) != rows:
        raise ValueError("the runs are shorter than the rows")
    return _carry_people(port, list(met), people_count), who, runs


def _runs(recipients: Sequence[Recipient]) -> tuple[Column, Column]:
    """Where runs of the same person begin, and how long they are."""
    starts = [row for row in range(len(recipients)) if row == 0 or recipients[row] != recipients[row - 1]]
    ends = [*starts[1:], len(recipients)] if starts else []
    return starts, [end - start for start, end in zip(starts, ends, strict=True)]


def _carry_people(port: ColumnPort, people: Sequence[Recipient], rows: int) -> list[Recipient]:
    sexes = port.integers([SEXES.index(person.sex) for person in people], rows)
    names = NameColumns(people).carry(port, rows, sexes)
    births = BirthColumns([person.birth_date for person in people])
    birth_dates = births.carry(port, rows)
    papers = port.integers([PAPERS.index(person.paper) for person in people], rows)
    numbers = NumberColumns(people).carry(port, rows, sexes=sexes, years=births.years, papers=papers)
    nationalities, _ = port.texts([person.nationality for person in people], rows, contexts=[papers])
    phones = DigitColumns((3, 7), texts=[person.phone for person in people]).carry(port, rows)
    units = DigitColumns((5,), texts=[person.address_unit for person in people]).carry(port, rows)
    guardians, _ = port.texts([person.guardian for person in people], rows)
    groups = port.integers([person.group for person in people], rows)
    return [
        Recipient(
            name,
            family,
            member(SEXES, sex),
            birth_date,
            member(PAPERS, paper),
            number,
            nationality,
            phone,
            unit,
            guardian,
            group,
        )
        for (name, family), sex, birth_date, paper, number, nationality, phone, unit, guardian, group in zip(
            names, sexes, birth_dates, papers, numbers, nationalities, phones, units, guardians, groups, strict=True
        )
    ]
