"""Sources and settings: local and verified or refused, and every mistake of a start told at once."""

import pytest

from pawl.artifacts import digest_directory
from pawl.errors import InvalidArtifact
from pawl_services.modelserver.settings import model_server_settings
from pawl_services.modelserver.source import ABSENT, verified_directory
from pawl_services.web.settings import SettingsError, load

GOOD = {"PAWL_COMPONENT": "c", "PAWL_REVISION": "r", "PAWL_RUNTIME": "python", "PAWL_ENTRYPOINT": "a.b:load"}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "a model"
    place.mkdir()
    (place / "weights.bin").write_bytes(b"\x01\x02")
    return place


@pytest.mark.parametrize("form", ["file://{path}", "file://localhost{path}"])
def test_a_local_directory_with_its_digest_is_taken(folder, form):
    source = form.format(path=str(folder).replace(" ", "%20"))

    assert verified_directory(source, digest_directory(folder)) == folder


def test_no_artifact_is_a_directory_that_does_not_exist():
    assert verified_directory("none", "") == ABSENT
    assert not ABSENT.exists()


def test_one_changed_byte_is_another_artifact(folder):
    digest = digest_directory(folder)
    (folder / "weights.bin").write_bytes(b"\x01\x03")

    with pytest.raises(InvalidArtifact, match="not the one that was asked for"):
        verified_directory(folder.as_uri(), digest)


@pytest.mark.parametrize(
    "source", ["s3://b/m", "models:/c/1", "pvc://claim/m", "/plain/path", "file:relative", "file://host/m", "oci://x"]
)
def test_other_sources_are_refused_with_the_remedy(source):
    with pytest.raises(InvalidArtifact, match="file:///path") as refused:
        verified_directory(source, "sha256:" + "0" * 64)

    assert refused.value.value == source


def test_defaults_are_those_of_a_small_pod():
    settings = load(model_server_settings, GOOD)

    assert (settings.model_name, settings.source, settings.threads) == ("c", "none", 1)
    assert (settings.limits.concurrency, settings.limits.queue) == (8, 64)
    assert settings.collector is None


def test_every_mistake_is_told_at_once():
    with pytest.raises(SettingsError) as refused:
        load(model_server_settings, {"PAWL_RUNTIME": "onnx", "PAWL_THREADS": "0", "PAWL_QUEUE": "-1"})
    told = str(refused.value)

    for name in ("PAWL_COMPONENT", "PAWL_REVISION", "PAWL_THREADS", "PAWL_QUEUE", "PAWL_MODEL_SOURCE"):
        assert name in told
