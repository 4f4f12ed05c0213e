"""The network: an encoder, its sentence embedding, and the heads beside it.

The heads read the first token and the mean of all tokens. The mean, made unit length, is also the embedding that
finds like texts; `fit.py` keeps it close to what the untuned encoder says, so that learning sentiment does not
unlearn topics, while the first token is free to change.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel


class Network(nn.Module):  # type: ignore[misc, unused-ignore] # torch is an extra
    """Token ids and attention mask (both rows x length) in, what the heads read and a unit embedding out."""

    def __init__(self, encoder: nn.Module, width: int, heads: Mapping[str, int]) -> None:
        """`heads`: the number of classes of each."""
        super().__init__()
        self.encoder = encoder
        self.width = width
        self.heads = nn.ModuleDict({name: nn.Linear(2 * width, classes) for name, classes in heads.items()})

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """(rows x 2 widths, rows x width): give the former to `read`, the latter is the embedding."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1)
        return torch.cat([states[:, 0], mean], dim=-1), functional.normalize(mean, dim=-1)

    def read(self, features: Tensor) -> dict[str, Tensor]:
        """Logits per head."""
        return {name: head(features) for name, head in self.heads.items()}

    def freeze_lower(self) -> None:
        """Leave the lower third of the encoder as it is from here on."""
        layers: Any = self.encoder.encoder.layer
        for part in (self.encoder.embeddings, *layers[: len(layers) // 3]):
            part.requires_grad_(requires_grad=False)


def load_network(folder: Path, heads: Mapping[str, int]) -> Network:
    """An encoder from a folder in Hugging Face's layout, with fresh heads.

    No dropout: one pass over the data does not overfit, and it would cost a third of the time on a processor. The
    table of word embeddings stays as it is for the same reason; every layer above it learns.
    """
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it would warn of the pooling layer, left out on purpose
    encoder: Any = AutoModel.from_pretrained(
        folder, add_pooling_layer=False, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    encoder.embeddings.word_embeddings.weight.requires_grad_(requires_grad=False)
    return Network(cast("nn.Module", encoder), encoder.config.hidden_size, heads)
