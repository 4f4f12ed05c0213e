"""The network: an encoder, its sentence embedding, and two heads beside it.

The heads read the first token and the mean of all tokens. The mean, made unit length, is also the embedding that
finds like texts; `fit.py` keeps it close to what the untuned encoder says, so that learning sentiment does not
unlearn topics, while the first token is free to change.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel

from core.types import SENTIMENTS

HEADS = {"sentiment": len(SENTIMENTS), "complaint": 2}
"""Every head with its number of classes, in the order in which the graph puts them out."""


class Network(nn.Module):  # type: ignore[misc, unused-ignore] # torch is an extra
    """Token ids and attention mask (both rows x length) in, logits per head and a unit embedding out."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = width
        self.heads = nn.ModuleDict({name: nn.Linear(2 * width, classes) for name, classes in HEADS.items()})

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(rows x 3, rows x 2, rows x width)."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1)
        joined = torch.cat([states[:, 0], mean], dim=-1)
        return self.heads["sentiment"](joined), self.heads["complaint"](joined), functional.normalize(mean, dim=-1)


def load_network(folder: Path) -> Network:
    """An encoder from a folder in Hugging Face's layout, with fresh heads.

    No dropout: one pass over the data does not overfit, and it would cost a third of the time on a processor. The
    table of word embeddings stays as it is for the same reason; every layer above it learns.
    """
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it would warn of the pooling layer, left out on purpose
    encoder: Any = AutoModel.from_pretrained(
        folder, add_pooling_layer=False, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    encoder.embeddings.word_embeddings.weight.requires_grad_(requires_grad=False)
    return Network(cast("nn.Module", encoder), encoder.config.hidden_size)
