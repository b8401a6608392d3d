"""The Open Inference Protocol over HTTP, with both runtimes, and every refusal by field and remedy."""

import json
from typing import Any

import pytest
from modelserver_process import INFER, NAME, REVISION, text_request

FP32 = {"datatype": "FP32", "shape": [1, 2]}


def _sum(a: list[Any], b: list[Any], **changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "a", **FP32, **changes, "data": a}, {"name": "b", **FP32, "data": b}]}


def test_server_metadata_names_server_version_and_extensions(echo):
    found = echo.get("/v2").json()

    assert found["name"] == "pawl-modelserver"
    assert found["version"]
    assert found["extensions"] == []


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/livez", "/readyz", "/metrics"])
def test_a_loaded_server_is_well(echo, path):
    assert echo.get(path).status_code == 200


@pytest.mark.parametrize("version", ["", f"/versions/{REVISION}"])
def test_model_metadata_and_readiness_with_and_without_its_version(echo, version):
    tensor = {"datatype": "BYTES", "shape": [-1]}

    assert echo.get(f"/v2/models/{NAME}{version}").json() == {
        "name": NAME,
        "versions": [REVISION],
        "platform": "python",
        "inputs": [{"name": "text", **tensor}],
        "outputs": [{"name": "facts", **tensor}],
    }
    assert echo.get(f"/v2/models/{NAME}{version}/ready").json() == {"name": NAME, "ready": True}


def test_an_onnx_model_declares_its_graph(adder):
    found = adder.get(f"/v2/models/{NAME}").json()

    assert found["platform"] == "onnx_onnxv1"
    assert [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in found["inputs"]] == [
        ("a", "FP32", [-1, 2]),
        ("b", "FP32", [-1, 2]),
    ]


def test_an_answer_names_model_version_and_the_requests_id(echo):
    answer = echo.infer(text_request("hello", id="r-1"))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "model_name": NAME,
        "model_version": REVISION,
        "id": "r-1",
        "outputs": [{"name": "facts", "shape": [1], "datatype": "BYTES", "data": ['[{"value": "hello"}]']}],
    }
    assert "id" not in echo.infer(text_request("hello")).json()


def test_text_of_any_script_comes_through(echo):
    texts = ["Łódź ☃ 😀", "", '\\u0000 " \n']
    answer = echo.infer(text_request(*texts)).json()

    assert [json.loads(one)[0]["value"] for one in answer["outputs"][0]["data"]] == texts


@pytest.mark.parametrize(
    ("a", "b", "shape", "expected"),
    [
        ([1.5, 2], [1, 1], [1, 2], [2.5, 3.0]),
        ([[1.5, 2]], [1, 1], [1, 2], [2.5, 3.0]),
        ([[1, 2], [3, 4]], [1, 1], [2, 2], [2.0, 3.0, 4.0, 5.0]),
    ],
)
def test_onnx_takes_flat_and_nested_data_and_answers_flat(adder, a, b, shape, expected):
    answer = adder.infer(_sum(a, b, shape=shape)).json()

    assert answer["outputs"] == [{"name": "y", "shape": shape, "datatype": "FP32", "data": expected}]


def test_outputs_can_be_chosen_by_name(adder):
    asked = {**_sum([1, 2], [3, 4]), "outputs": [{"name": "y"}]}

    assert [tensor["name"] for tensor in adder.infer(asked).json()["outputs"]] == ["y"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [3]}, "inputs[0]"),
        ({"inputs": [{"shape": [1], "datatype": "BYTES", "data": ["x"]}]}, "inputs[0].name"),
        ({"inputs": [{"name": "texts", "shape": [1], "datatype": "BYTES", "data": ["x"]}]}, "inputs[0].name"),
        ({"inputs": [{"name": "text", "shape": [1], "datatype": "TEXT", "data": ["x"]}]}, "inputs[0].datatype"),
        ({"inputs": [{"name": "text", "shape": [1], "datatype": "INT8", "data": [1]}]}, "inputs[0].datatype"),
        ({"inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "data": ["x"]}]}, "inputs[0].data"),
        ({"inputs": [{"name": "text", "shape": [-1], "datatype": "BYTES", "data": ["x"]}]}, "inputs[0].shape"),
        ({"inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["x"]}]}, "inputs[0].shape"),
        ({"inputs": [{"name": "text", "shape": "1", "datatype": "BYTES", "data": ["x"]}]}, "inputs[0].shape"),
        ({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [1]}]}, "inputs[0].data[0]"),
        ({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES"}]}, "inputs[0].data"),
        ({"inputs": text_request("x")["inputs"] * 2}, "inputs[1].name"),
        (text_request("x", id=7), "id"),
        (text_request("x", outputs="facts"), "outputs"),
        (text_request("x", outputs=[{"name": "other"}]), "outputs[0].name"),
        (text_request("x", outputs=["facts"]), "outputs[0].name"),
    ],
)
def test_a_request_that_is_wrong_is_refused_by_field_and_remedy(echo, body, field):
    answer = echo.infer(body)
    problem = answer.json()

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["field"] == field
    assert problem["remedy"]
    assert problem["error"] == problem["detail"], "the protocol's clients read `error`"
    assert problem["status"] == 400


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b'{"inputs": NaN}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_body_that_is_no_json_is_refused(echo, content, word):
    with echo.client() as client:
        answer = client.post(INFER, content=content)

    assert answer.status_code == 400
    assert word in answer.json()["error"]


@pytest.mark.parametrize("value", [1e39, "1", True, None, {}])
def test_a_value_that_its_datatype_cannot_hold_is_refused(adder, value):
    answer = adder.infer(_sum([value, 1], [1, 1]))

    assert (answer.status_code, answer.json()["field"]) == (400, "inputs[0].data[0]")


def test_a_missing_input_is_named(adder):
    answer = adder.infer({"inputs": _sum([1, 1], [1, 1])["inputs"][:1]})

    assert answer.status_code == 400
    assert "'b'" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/v2/models/other", f"/v2/models/{NAME}/versions/9", "/v2/models/other/ready"])
def test_another_model_or_version_is_not_found(echo, path):
    answer = echo.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]


def test_binary_tensor_data_is_refused_by_its_header(echo):
    with echo.client() as client:
        answer = client.post(INFER, content=b"{}", headers={"inference-header-content-length": "2"})

    assert answer.status_code == 400
    assert "binary" in answer.json()["error"]


def test_values_that_json_cannot_carry_are_the_models_failure(tmp_path_factory, tmp_path):
    from modelserver_process import ready_modelserver
    from onnx_bytes import model

    from pawl.artifacts import digest_directory

    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "divide.onnx").write_bytes(model("Div", ["a", "b"]))
    released = {"model_source": folder.as_uri(), "model_digest": digest_directory(folder)}
    with ready_modelserver(tmp_path, runtime="onnx", **released) as server:
        assert server.infer(_sum([1, 4], [2, 2])).json()["outputs"][0]["data"] == [0.5, 2.0]
        answer = server.infer(_sum([1, 0], [0, 0]))

    assert answer.status_code == 500
    assert "not finite" in answer.json()["error"]
