"""A version is fetched from the registry whole, verified, bounded in bytes and time, and never outside its folder."""

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_mlflow import ARTIFACTS, RUN, FakeMlflow

from pawl.artifacts import digest_directory
from pawl.errors import DeadlineExceeded, DependencyUnavailable, InvalidArtifact, NotFound, PawlError, PermissionDenied
from pawl_services.modelserver import download as download_module
from pawl_services.modelserver.download import ATTEMPTS, Download
from pawl_services.modelserver.registry import Registry, version_of
from pawl_services.modelserver.settings import RegistrySettings, model_server_settings
from pawl_services.modelserver.source import verified_directory
from pawl_services.web.settings import SettingsError, load

NAME = "demo.facts"
MIB = 2**20


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(download_module, "LAST_PAUSE", 0.002)


@pytest.fixture
def mlflow(tmp_path: Path) -> FakeMlflow:
    return FakeMlflow(tmp_path / "store")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def registered(mlflow: FakeMlflow, *, by_run: bool = False) -> tuple[str, str]:
    """Source and digest of a version with a folder, an empty file and a name that needs quoting."""
    source, folder = mlflow.register(NAME, by_run=by_run)
    (folder / "model.json").write_text('{"format": "x"}')
    (folder / "empty").touch()
    (folder / "weights").mkdir()
    (folder / "weights" / "ä b%2e#?.bin").write_bytes(bytes(300_000))
    return source, digest_directory(folder)


def registry(
    transport: httpx.BaseTransport, cache: Path | None, max_bytes: int = MIB, seconds: float = 60.0
) -> Registry:
    return Registry(RegistrySettings("http://mlflow/prefix", cache, max_bytes, seconds), transport=transport)


@pytest.mark.parametrize("by_run", [False, True])
def test_a_version_arrives_as_it_was_registered(mlflow: FakeMlflow, cache: Path, by_run: bool) -> None:
    source, digest = registered(mlflow, by_run=by_run)
    transport = prefixed(mlflow)
    place = verified_directory(source, digest, registry(transport, cache))
    assert place.parent == cache
    assert digest_directory(place) == digest
    assert [one.name for one in cache.iterdir()] == [place.name]


def prefixed(mlflow: FakeMlflow) -> httpx.MockTransport:
    """The server behind a path, as behind an ingress."""

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"
        assert request.url.path.startswith("/prefix/")
        status, body = mlflow.answer(str(request.url).replace("/prefix/", "/", 1))
        return httpx.Response(status, stream=httpx.ByteStream(body))

    return httpx.MockTransport(handle)


def test_what_an_earlier_start_fetched_needs_no_server(mlflow: FakeMlflow, cache: Path) -> None:
    source, digest = registered(mlflow)
    first = verified_directory(source, digest, registry(prefixed(mlflow), cache))
    mlflow.calls.clear()
    assert verified_directory(source, digest, registry(prefixed(mlflow), cache)) == first
    assert mlflow.calls == []


def test_what_an_earlier_start_left_broken_is_fetched_anew(mlflow: FakeMlflow, cache: Path) -> None:
    source, digest = registered(mlflow)
    place = verified_directory(source, digest, registry(prefixed(mlflow), cache))
    (place / "model.json").write_text("?")
    (place.with_suffix(".arriving")).mkdir()
    assert verified_directory(source, digest, registry(prefixed(mlflow), cache)) == place
    assert digest_directory(place) == digest


def test_other_bytes_than_the_released_ones_are_not_loaded_and_not_kept(mlflow: FakeMlflow, cache: Path) -> None:
    source, digest = registered(mlflow)
    (mlflow.root / "1" / RUN / "artifacts" / "model-1" / "model.json").write_text("{}")
    with pytest.raises(InvalidArtifact, match="not the one that was asked for"):
        verified_directory(source, digest, registry(prefixed(mlflow), cache))
    assert not [one for one in cache.iterdir() if one.suffix != ".arriving"]


def test_without_a_cache_the_model_lies_in_a_folder_of_the_process(mlflow: FakeMlflow) -> None:
    source, digest = registered(mlflow)
    place = verified_directory(source, digest, registry(prefixed(mlflow), None))
    assert place.parent.name.startswith("pawl-model-")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again_but_not_for_ever(mlflow: FakeMlflow, cache: Path, status: int) -> None:
    source, digest = registered(mlflow)
    mlflow.faults = [status] * (ATTEMPTS - 1)
    assert verified_directory(source, digest, registry(prefixed(mlflow), cache))
    mlflow.faults = [status] * 1000
    with pytest.raises(DependencyUnavailable, match=f"{ATTEMPTS} attempts") as refused:
        registry(prefixed(mlflow), cache).fetch(source, cache / "x")
    assert str(status) in refused.value.message
    assert len(mlflow.faults) == 1000 - ATTEMPTS


def test_a_file_that_breaks_off_is_begun_again(mlflow: FakeMlflow, cache: Path) -> None:
    source, digest = registered(mlflow)
    broken = iter([True, True, False])

    class Half(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            yield bytes(1000)
            raise httpx.ReadError("broken off")

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(".bin") and next(broken, False):
            return httpx.Response(200, stream=Half())
        status, body = mlflow.answer(str(request.url).replace("/prefix/", "/", 1))
        return httpx.Response(status, stream=httpx.ByteStream(body))

    # What broke off does not count: the budget is that of the model alone.
    found = registry(httpx.MockTransport(handle), cache, max_bytes=300_015)
    assert verified_directory(source, digest, found)


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, NotFound), (401, PermissionDenied), (403, PermissionDenied), (400, DependencyUnavailable)],
)
def test_a_plain_no_is_not_asked_again(mlflow: FakeMlflow, cache: Path, status: int, error: type[PawlError]) -> None:
    source, _ = registered(mlflow)
    mlflow.faults = [status] * 2
    with pytest.raises(error) as refused:
        registry(prefixed(mlflow), cache).fetch(source, cache / "x")
    assert refused.value.remedy
    assert len(mlflow.faults) == 1


def test_a_version_that_does_not_exist_is_named(mlflow: FakeMlflow, cache: Path) -> None:
    with pytest.raises(NotFound, match="get-download-uri"):
        registry(prefixed(mlflow), cache).fetch(f"models:/{NAME}/9", cache / "x")


def test_a_model_past_the_budget_is_refused_before_it_fills_the_disk(mlflow: FakeMlflow, cache: Path) -> None:
    source, _ = registered(mlflow)
    with pytest.raises(InvalidArtifact, match="PAWL_MAX_MODEL_BYTES"):
        registry(prefixed(mlflow), cache, max_bytes=200_000).fetch(source, cache / "x")
    assert sum(one.stat().st_size for one in cache.rglob("*") if one.is_file()) <= 200_000


def test_a_download_ends_with_its_time(cache: Path) -> None:
    now = [0.0]

    class Slow(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            for _ in range(100):
                now[0] += 1
                yield bytes(2**16)

    http = httpx.Client(
        base_url="http://mlflow", transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=Slow()))
    )
    with http, pytest.raises(DeadlineExceeded, match="PAWL_DOWNLOAD_SECONDS"):
        Download(http, 10, 2**40, threading.Event(), lambda: now[0]).file("/x", cache / "x")
    assert now[0] == 11


def test_a_process_that_was_told_to_end_waits_for_no_download(mlflow: FakeMlflow, cache: Path) -> None:
    source, _ = registered(mlflow)
    stopping = threading.Event()
    stopping.set()
    asked = Registry(RegistrySettings("http://mlflow/prefix", cache, MIB, 60.0), stopping, prefixed(mlflow))
    with pytest.raises(DeadlineExceeded, match="told to end"):
        asked.fetch(source, cache / "x")
    assert mlflow.calls == []


@pytest.mark.parametrize("name", ["..", ".", "", "../x", "a/b", "a\\b", "a\0b", "/etc/passwd", None, 7])
def test_a_name_that_leads_out_of_the_folder_is_refused(mlflow: FakeMlflow, cache: Path, name: object) -> None:
    source, _ = registered(mlflow)
    for is_dir in (False, True):
        mlflow.listing = {"files": [{"path": name, "is_dir": is_dir}]}
        with pytest.raises(InvalidArtifact, match="leads out"):
            registry(prefixed(mlflow), cache).fetch(source, cache / f"x{is_dir}")
    assert not [call for call in mlflow.calls if call.startswith(f"{ARTIFACTS}/")]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://bucket/model", "--serve-artifacts"),
        ("file:///data/model", "--serve-artifacts"),
        ("mlflow-artifacts://elsewhere:5000/1/x", "--serve-artifacts"),
        ("mlflow-artifacts:/1/../../secrets", "leads out"),
        (f"runs:/{RUN}/../../x", "leads out"),
        (f"mlflow-artifacts:/1/{RUN}/artifacts/nothing", "no files"),
    ],
)
def test_a_version_that_lies_elsewhere_is_refused_with_the_remedy(
    mlflow: FakeMlflow, cache: Path, uri: str, words: str
) -> None:
    mlflow.versions[NAME, "1"] = uri
    with pytest.raises(InvalidArtifact, match=words):
        registry(prefixed(mlflow), cache).fetch(f"models:/{NAME}/1", cache / "x")


def test_a_listing_without_an_end_has_one(mlflow: FakeMlflow, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawl_services.modelserver.registry.MAX_ENTRIES", 20)
    source, _ = registered(mlflow)
    mlflow.listing = {"files": [{"path": "deeper", "is_dir": True}]}
    with pytest.raises(InvalidArtifact, match="more than 20 entries"):
        registry(prefixed(mlflow), cache).fetch(source, cache / "x")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b'{"files": 1}', b'{"files": ["x"]}'])
def test_an_answer_that_is_no_mlflows_is_refused(mlflow: FakeMlflow, cache: Path, body: bytes) -> None:
    source, _ = registered(mlflow)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/artifacts"):
            return httpx.Response(200, stream=httpx.ByteStream(body))
        status, content = mlflow.answer(str(request.url).replace("/prefix/", "/", 1))
        return httpx.Response(status, stream=httpx.ByteStream(content))

    with pytest.raises(PawlError, match="is this address MLflow's"):
        registry(httpx.MockTransport(handle), cache).fetch(source, cache / "x")


def test_an_answer_without_an_end_is_cut(mlflow: FakeMlflow, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "MAX_ANSWER_BYTES", 100)
    source, _ = registered(mlflow)
    mlflow.listing = {"files": [{"path": "x" * 100, "is_dir": False}]}
    with pytest.raises(DependencyUnavailable, match="larger than 100 bytes"):
        registry(prefixed(mlflow), cache).fetch(source, cache / "x")


def test_a_source_names_a_number() -> None:
    assert version_of("models:/demo.facts/7") == ("demo.facts", "7")
    assert version_of("models:/my%20model/12") == ("my model", "12")


@pytest.mark.parametrize(
    "source",
    [
        "models:/facts",
        "models:/facts/",
        "models:/facts/0",
        "models:/facts@champion",
        "models:/a/b/1",
        "models:/facts/latest",
    ],
)
def test_a_source_that_can_move_is_refused(source: str) -> None:
    with pytest.raises(InvalidArtifact, match="<number>"):
        version_of(source)


GOOD = {
    "PAWL_COMPONENT": "c",
    "PAWL_REVISION": "r",
    "PAWL_MODEL_SOURCE": "models:/demo.facts/7",
    "PAWL_MODEL_DIGEST": "sha256:" + "0" * 64,
    "MLFLOW_TRACKING_URI": "http://mlflow.mlflow:5000/",
}


def test_the_registry_is_read_for_its_sources_only(tmp_path: Path) -> None:
    settings = load(model_server_settings, GOOD | {"PAWL_MODEL_CACHE": str(tmp_path), "PAWL_DOWNLOAD_SECONDS": "5m"})
    assert settings.registry == RegistrySettings("http://mlflow.mlflow:5000", tmp_path, 4 * 2**30, 300.0)
    assert load(model_server_settings, GOOD | {"PAWL_MODEL_SOURCE": "file:///x"}).registry is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"MLFLOW_TRACKING_URI": ""}, "mlflow.trackingUri"),
        ({"MLFLOW_TRACKING_URI": "sqlite:///x"}, "MLFLOW_TRACKING_URI"),
        ({"MLFLOW_TRACKING_URI": "http://u:hunter2@mlflow"}, "MLFLOW_TRACKING_URI"),
        ({"PAWL_MODEL_CACHE": "/does/not/exist"}, "PAWL_MODEL_CACHE"),
        ({"PAWL_MAX_MODEL_BYTES": "1"}, "PAWL_MAX_MODEL_BYTES"),
        ({"PAWL_DOWNLOAD_SECONDS": "soon"}, "PAWL_DOWNLOAD_SECONDS"),
    ],
)
def test_wrong_settings_of_the_registry_are_named(change: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        load(model_server_settings, GOOD | change)
    assert "hunter2" not in str(refused.value)
