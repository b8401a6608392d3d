"""Examples are read in pieces: whatever the sizes of pages and pieces, they are those that a plain loop finds."""

import json
import random
import tracemalloc
import uuid
from collections.abc import Iterator

import pytest

from pawl.scoring.labels import DEFAULT_RULES, label_of
from pawl_services.db import examples as examples_module
from pawl_services.db.engine import Database, open_database
from pawl_services.db.examples import Example, Span, count_given, examples
from pawl_services.db.reader import Feedback
from pawl_services.db.rows import Bundle, FeedbackRow, InteractionRow
from pawl_services.db.sinks import sink_for

NAMESPACE, COMPONENT = "demo", "facts"
NOT_ALLOWED = '{"training":false}'


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


def answered(number: int, component: str = COMPONENT, raw: str | None = None, text: str = "") -> InteractionRow:
    texts = json.dumps({"n": number, "text": text}), json.dumps([number])
    nothing = (None,) * 8
    return InteractionRow(NAMESPACE, str(uuid.uuid4()), component, f"u{number}", "k", number, *texts, *nothing, raw)  # type: ignore[arg-type]


def said(subject: InteractionRow, kind: str, time: int, value: object) -> FeedbackRow:
    return FeedbackRow(subject.namespace, str(uuid.uuid4()), subject.id, kind, time, json.dumps(value))


def some_label(subject: InteractionRow, dice: random.Random) -> FeedbackRow:
    time = dice.randrange(5)
    kind = dice.choice(["correction", "correction", "confirmation", "thumbs"])
    value: dict[str, object] = {"truth": dice.randrange(9)} if kind == "correction" else {"up": True}
    return said(subject, kind, time, value | dice.choice([{}, {"release_evidence": False}]))


class Diary:
    """Writes at random through the collector's own sink, and remembers when everything was received."""

    def __init__(self, database: Database, seed: int) -> None:
        self._database, self._dice = database, random.Random(seed)
        self.subjects: list[InteractionRow] = []
        self.labels: list[Feedback] = []
        self.marks: list[int] = [0]

    def day(self) -> None:
        sink = sink_for(self._database)
        component = lambda: self._dice.choice([COMPONENT, COMPONENT, "trust"])  # noqa: E731
        raw = lambda: self._dice.choice([None, None, NOT_ALLOWED, '{"metadata":{"training":false}}'])  # noqa: E731
        new = [answered(len(self.subjects) + n, component(), raw()) for n in range(self._dice.randrange(1, 9))]
        self.subjects += new
        rows = [some_label(self._dice.choice(self.subjects), self._dice) for _ in range(self._dice.randrange(1, 12))]
        sink.write([Bundle(tuple(new), 1), Bundle(tuple(rows), 1)])
        self.marks.append(self._database.watermark())
        # One commit has one receive time: the mark orders it as well as its own would.
        at = self.marks[-1]
        self.labels += [
            Feedback(row.id, row.interaction, row.kind, row.time, at, json.loads(row.value)) for row in rows
        ]

    def expected(self, after: int, until: int) -> set[tuple[str, str]]:
        """(interaction, truth as JSON) by a loop over everything."""
        found = set()
        for subject in self.subjects:
            if subject.component != COMPONENT or subject.raw == NOT_ALLOWED:
                continue
            about = [item for item in self.labels if item.interaction == subject.id and item.received_at <= until]
            label = label_of(about, json.loads(subject.output), DEFAULT_RULES)
            if label is not None and label[0].received_at > after:
                found.add((subject.id, json.dumps(label[1].value)))
        return found

    def given(self, after: int, until: int) -> int:
        own = {s.id for s in self.subjects if s.component == COMPONENT and s.raw != NOT_ALLOWED}
        inside = [item for item in self.labels if after < item.received_at <= until and item.kind == "correction"]
        return len({item.interaction for item in inside} & own)


def flat(database: Database, after: int, until: int) -> list[Example]:
    span = Span(NAMESPACE, COMPONENT, after, until, DEFAULT_RULES)
    return [example for piece in examples(database, span) for example in piece]


@pytest.mark.parametrize("seed", range(4))
def test_pages_and_pieces_of_any_size_hold_what_a_plain_loop_finds(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
):
    diary = Diary(database, seed)
    for _ in range(8):
        diary.day()
    for page, characters in ((500, 2**20), (3, 40), (1, 1)):
        monkeypatch.setattr(examples_module, "LABELS_AT_ONCE", page)
        monkeypatch.setattr(examples_module, "CHARACTERS_AT_ONCE", characters)
        for after, until in zip([0, *diary.marks[:-1]], [diary.marks[-1], *diary.marks[1:]], strict=True):
            found = flat(database, after, until)
            assert {(one.interaction, json.dumps(one.truth)) for one in found} == diary.expected(after, until)
            assert len({one.interaction for one in found}) == len(found)
            assert [one.labelled_at for one in found] == sorted(one.labelled_at for one in found)
            assert all(after < one.labelled_at <= until for one in found)
            with database.read() as connection:
                span = Span(NAMESPACE, COMPONENT, after, until, DEFAULT_RULES)
                assert count_given(connection, span) == diary.given(after, until)


def test_no_connection_is_held_between_two_pieces(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(examples_module, "CHARACTERS_AT_ONCE", 1)
    rows = [answered(number) for number in range(3)]
    labels = [said(row, "correction", 1, {"truth": 1}) for row in rows]
    sink_for(database).write([Bundle(tuple(rows), 1), Bundle(tuple(labels), 1)])
    pieces = examples(database, Span(NAMESPACE, COMPONENT, 0, database.watermark(), DEFAULT_RULES))
    assert len(next(pieces)) == 1
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert [len(piece) for piece in pieces] == [1, 1]


def test_memory_does_not_grow_with_the_data_set(database: Database):
    sink, size = sink_for(database), 300_000
    for number in range(60):
        row = answered(number, text="x" * size)
        labels = [said(row, "correction", time, {"truth": "y" * size}) for time in range(3)]
        sink.write([Bundle((row,), 1), Bundle(tuple(labels), 1)])
    pieces = examples(database, Span(NAMESPACE, COMPONENT, 0, database.watermark(), DEFAULT_RULES))
    tracemalloc.start()
    try:
        count = sum(len(piece) for piece in pieces)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 60
    # All of it together would be 36 MB as texts.
    assert peak < 16 * 2**20
