"""The trainers' command line prints metrics as JSON, says what is wrong, and the rules baseline is what it was."""

import json
from pathlib import Path

import pytest

from pawl_trainers import rules
from pawl_trainers.__main__ import main
from pawl_trainers.facts.spans import Fact
from pawl_trainers.linear_tagger import artifact

GOLDEN = Path(__file__).parents[3] / "examples" / "data" / "chitchat-facts-golden.jsonl"


def test_it_trains_exports_and_prints_metrics(corpus, tmp_path, capsys):
    files = ["--conversations", str(corpus.conversations_file), "--train", str(corpus.annotations_file)]
    done = main(
        ["linear-tagger", *files, "--golden", str(corpus.annotations_file), "--out", str(tmp_path), "--folds", "2"]
    )
    metrics = json.loads(capsys.readouterr().out)

    assert done == 0
    assert metrics["golden"]["f1"] > 0.9
    assert 0 < metrics["people"] < 12, "only the learn people are trained on"
    assert artifact.read(tmp_path).threshold == metrics["threshold"]


def test_a_wrong_text_ends_it_with_one_clear_line(corpus, tmp_path, capsys):
    other = tmp_path / "other.json"
    other.write_text(corpus.conversations_file.read_text().replace("Provo", "Paris"))
    files = ["--conversations", str(other), "--train", str(corpus.annotations_file)]

    assert main(["linear-tagger", *files, "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    assert "facts.jsonl line 1" in shown.err
    assert shown.out == ""
    assert not (tmp_path / "out").exists()


def test_the_rules_find_little_in_real_chat(capsys):
    assert main(["rules", "--golden", str(GOLDEN)]) == 0
    metrics = json.loads(capsys.readouterr().out)

    assert metrics["golden"]["f1"] == pytest.approx(0.04, abs=0.005)
    assert metrics["goldenListsTakenApart"]["f1"] == pytest.approx(0.08, abs=0.005)


def test_a_rules_value_is_placed_in_the_text_or_left_out():
    assert rules.find("I am 32 years old") == {Fact(5, 7, "AGE")}
    assert rules.find("hello") == frozenset()
    assert rules.find_each("I love hiking and cooking") == {Fact(7, 13, "HOBBY"), Fact(18, 25, "HOBBY")}
