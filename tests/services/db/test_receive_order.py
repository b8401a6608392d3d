"""A reader that follows the watermark sees every row exactly once, whatever writers and clocks do."""

import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from pawl_services.db import engine as engine_module
from pawl_services.db import sinks as sinks_module
from pawl_services.db.engine import Database, DatabaseUrlError, open_database
from pawl_services.db.reader import feedback_between, interactions_between, predictions_between
from pawl_services.db.rows import Bundle, FeedbackRow, InteractionRow, PredictionRow
from pawl_services.db.sinks import sink_for

NAMESPACE, COMPONENT = "demo", "fact-extraction"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


def row(release: int = 1, component: str = COMPONENT) -> InteractionRow:
    identity = str(uuid.uuid4())
    return InteractionRow(
        NAMESPACE, identity, component, "u", "k", 0, "1", "[]", 1.0, "r", "stable", "o", release, 1, None, None, None
    )


def bundle(rows: int = 1) -> Bundle:
    return Bundle(tuple(row() for _ in range(rows)), 1)


def read_ids(database: Database, after: int, until: int) -> list[str]:
    with database.read() as connection:
        return [item.id for item in interactions_between(connection, NAMESPACE, COMPONENT, after, until)]


def test_everything_committed_is_below_the_watermark(database: Database):
    sink = sink_for(database)
    sent = bundle(3)
    assert sink.write([sent]) == [3]
    mark = database.watermark()
    assert sorted(read_ids(database, 0, mark)) == sorted(item.id for item in sent.main)
    assert sink.write([bundle()]) == [1]
    assert len(read_ids(database, 0, mark)) == 3
    assert len(read_ids(database, mark, database.watermark())) == 1


def test_readers_that_follow_the_watermark_miss_nothing_while_others_write(database_url: str):
    written: list[str] = []
    lock = threading.Lock()

    def write() -> None:
        own = open_database(database_url)
        sink = sink_for(own)
        for _ in range(25):
            several = [bundle(2), bundle(1)]
            sink.write(several)
            with lock:
                written.extend(item.id for one in several for item in one.main)
        own.close()

    database = open_database(database_url)
    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    seen: list[str] = []
    cursor = 0
    while any(writer.is_alive() for writer in writers):
        mark = database.watermark()
        seen += read_ids(database, cursor, mark)
        assert mark > cursor
        cursor = mark
    for writer in writers:
        writer.join(60)
    seen += read_ids(database, cursor, database.watermark())
    database.close()
    assert len(seen) == len(set(seen)) == 225
    assert set(seen) == set(written)


def test_a_clock_that_is_set_back_hides_no_row(database: Database, monkeypatch: pytest.MonkeyPatch):
    sink = sink_for(database)
    sink.write([bundle()])
    mark = database.watermark()
    for module in (engine_module, sinks_module):
        monkeypatch.setattr(module, "database_micros", lambda _: mark - 3_600_000_000)
    late = bundle()
    sink_for(database).write([late])
    assert late.main[0].id not in read_ids(database, 0, mark)
    assert database.watermark() >= mark
    assert read_ids(database, mark, mark + 60_000_000) == [late.main[0].id]


def test_stamps_grow_from_batch_to_batch(database: Database):
    sink = sink_for(database)
    sent = [bundle() for _ in range(20)]
    for one in sent:
        sink.write([one])
    assert read_ids(database, 0, time.time_ns()) == [one.main[0].id for one in sent]


def test_reads_are_of_one_component_and_release(database: Database):
    mixed = (row(release=1), row(release=2), row(component="trust"))
    sink_for(database).write([Bundle(mixed, 1)])
    mark = database.watermark()
    with database.read() as connection:
        assert len(list(interactions_between(connection, NAMESPACE, COMPONENT, 0, mark))) == 2
        (only,) = interactions_between(connection, NAMESPACE, COMPONENT, 0, mark, release=2)
        assert only.id == mixed[1].id
        assert list(interactions_between(connection, "other", COMPONENT, 0, mark)) == []


def test_feedback_and_predictions_are_read_by_receive_time(database: Database):
    said = FeedbackRow(NAMESPACE, str(uuid.uuid4()), str(uuid.uuid4()), "thumbs", 5, '{"up":true}')
    paired = PredictionRow(NAMESPACE, said.interaction, COMPONENT, "r", "Mirror", None, "null", None, None, 7)
    assert sink_for(database).write([Bundle((said,), 1), Bundle((paired,), 1)]) == [1, 1]
    mark = database.watermark()
    with database.read() as connection:
        (label,) = feedback_between(connection, NAMESPACE, 0, mark)
        (answer,) = predictions_between(connection, NAMESPACE, COMPONENT, 0, mark)
        assert list(feedback_between(connection, NAMESPACE, mark, mark + 1)) == []
    assert (label.value, label.time, label.interaction) == ({"up": True}, 5, said.interaction)
    assert (answer.output, answer.source, answer.received_at) == (None, "Mirror", label.received_at)


def test_a_reader_sees_one_snapshot(database: Database):
    sink = sink_for(database)
    sink.write([bundle()])
    with database.read() as connection:
        before = len(list(interactions_between(connection, NAMESPACE, COMPONENT, 0, 2**62)))
        sink.write([bundle()])
        assert len(list(interactions_between(connection, NAMESPACE, COMPONENT, 0, 2**62))) == before == 1


def test_opening_at_the_same_time_makes_one_schema(database_url: str):
    failures: list[Exception] = []

    def open_once() -> None:
        try:
            open_database(database_url).close()
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=open_once) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://h/d", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(url: str):
    with pytest.raises(DatabaseUrlError, match="use sqlite"):
        open_database(url)


def test_a_password_is_never_in_the_error():
    with pytest.raises(DatabaseUrlError) as failure:
        open_database("mysql://u:hunter2@h/d")
    assert "hunter2" not in str(failure.value)


def test_batches_with_known_keys_among_them_are_told_apart(database: Database):
    sink = sink_for(database)
    first, second = bundle(3), bundle(2)
    paired = PredictionRow(NAMESPACE, first.main[0].id, COMPONENT, "r", "Client", None, "1", None, None, 7)
    assert sink.write([first]) == [3]
    mixed = Bundle((first.main[1], second.main[0], second.main[0]), 1, (paired,))
    assert sink.write([second, mixed, bundle(1)]) == [2, 0, 1]
    assert sink.write([Bundle((*first.main, row()), 1, (paired,))]) == [1]
    mark = database.watermark()
    assert len(read_ids(database, 0, mark)) == 7
    with database.read() as connection:
        assert len(list(predictions_between(connection, NAMESPACE, COMPONENT, 0, mark))) == 1


def test_senders_of_the_same_rows_in_opposite_orders_do_not_harm_each_other(database: Database):
    one = bundle(300)
    other = Bundle(one.main[::-1], 1)
    counts: list[int] = []

    def write(sent: Bundle) -> None:
        counts.extend(sink_for(database).write([sent]))

    threads = [threading.Thread(target=write, args=(sent,)) for sent in (one, other) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(counts) == [0, 0, 0, 0, 0, 300]
    assert len(read_ids(database, 0, database.watermark())) == 300
