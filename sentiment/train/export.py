"""Writes a trained network as the int8 graph that `sentiment/onnx.py` runs.

The graph is put together here, operator by operator, rather than traced: it is small, it stays the same whatever
version of torch trained it, and each operator is the one that onnxruntime runs fastest on a processor (measured:
Add and LayerNormalization take a third of the time of SkipLayerNormalization). Texts come one at a time, so there is
no padding and no mask. Weights are int8 with a scale per column.
They take 7 of the 8 bits, since processors without VNNI add pairs of products in 16 bits and would overflow;
activations are scaled at run time by their largest value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]

LONGEST = 256
"""Positions that the graph keeps of the encoder's table."""
TOP = 64
"""Largest int8 value of a weight: 2 x 255 x 64 still fits in 16 bits."""
FEATURES = "features"
"""The output that holds what the heads read: the first state and the mean of all."""
MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's own operators."""


def export(weights: Mapping[str, Floats], layers: int, attention_heads: int, *, features: bool = False) -> bytes:
    """The graph: input_ids (rows x length, no padding) -> logits of every head, and embedding, of each row.

    With `features` it also puts out what the heads read.
    """
    graph = _Graph(weights)
    states = graph.embed()
    for layer in range(layers):
        states = graph.layer(states, f"encoder.encoder.layer.{layer}", attention_heads)
    graph.heads(states, FEATURES if features else "")
    model = graph.model(features=features)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants of a graph in the making; every method adds nodes and returns the name of their output."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._width = len(weights["encoder.embeddings.LayerNorm.bias"])
        found = (re.fullmatch(r"heads\.(\w+)\.bias", name) for name in weights)
        self._heads = {name[1]: len(weights[name[0]]) for name in found if name}

    def embed(self) -> str:
        """Token ids to the first states: word, position and type, normalised. The word table is int8, by row."""
        place = "encoder.embeddings"
        table = self._weights[f"{place}.word_embeddings.weight"]
        scale = np.maximum(np.abs(table).max(1, keepdims=True), 1e-9) / 127
        words = self._node("Gather", self._const("words", np.round(table / scale).astype(np.int8)), "input_ids")
        scales = self._node("Gather", self._const("words.scale", scale.astype(np.float32)), "input_ids")
        word = self._node("Mul", self._node("Cast", words, to=TensorProto.FLOAT), scales)
        positions = self._weights[f"{place}.position_embeddings.weight"][:LONGEST]
        kinds = self._weights[f"{place}.token_type_embeddings.weight"][:1]
        length = self._node("Shape", "input_ids", start=1, end=2)
        start = self._const("start", np.array([0]))
        position = self._node("Slice", self._const("positions", positions + kinds), start, length)
        return self._normal(self._node("Add", word, position), f"{place}.LayerNorm")

    def layer(self, states: str, place: str, heads: int) -> str:
        """One layer of the encoder: attention, then two dense steps, each added to what came in."""
        mixed = self._dense(self._attention(states, place, heads), f"{place}.attention.output.dense")
        states = self._normal(self._node("Add", mixed, states), f"{place}.attention.output.LayerNorm")
        risen = self._node("Gelu", self._dense(states, f"{place}.intermediate.dense"), domain=MICROSOFT)
        dense = self._dense(risen, f"{place}.output.dense")
        return self._normal(self._node("Add", dense, states), f"{place}.output.LayerNorm")

    def heads(self, states: str, features: str) -> None:
        """The outputs: a Gemm for each head over first state and mean, and the mean at unit length.

        `features` is the name of what the heads read, empty for any.
        """
        mean = self._node("ReduceMean", states, self._const("tokens", np.array([1])), keepdims=0)
        first = self._node("Gather", states, self._const("first", np.array(0)), axis=1)
        joined = self._node("Concat", first, mean, output=features, axis=-1)
        for head in self._heads:
            weight, bias = self._weight(f"heads.{head}.weight"), self._weight(f"heads.{head}.bias")
            self._node("Gemm", joined, weight, bias, output=head, transB=1)
        self._node("LpNormalization", mean, output="embedding", axis=-1, p=2)

    def model(self, *, features: bool) -> Any:
        """The finished model."""
        sizes = {**self._heads, "embedding": self._width} | ({FEATURES: 2 * self._width} if features else {})
        inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "length"])]
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", size]) for name, size in sizes.items()
        ]
        graph = helper.make_graph(self._nodes, "judge", inputs, outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="ripplewatch")

    def _attention(self, states: str, place: str, heads: int) -> str:
        parts = [f"{place}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self._columns(part) for part in parts], axis=1)
        bias = np.concatenate([self._weights[f"{part}.bias"] for part in parts])
        joined = self._product(states, f"{place}.attention", weight, bias)
        names = [f"{joined}.{part}" for part in ("query", "key", "value")]
        self._nodes.append(helper.make_node("Split", [joined], names, axis=-1, num_outputs=3))
        return self._node("MultiHeadAttention", *names, domain=MICROSOFT, num_heads=heads)

    def _dense(self, states: str, place: str) -> str:
        return self._product(states, place, self._columns(place), self._weights[f"{place}.bias"])

    def _product(self, states: str, name: str, weight: Floats, bias: Floats) -> str:
        scale = np.maximum(np.abs(weight).max(0), 1e-9) / TOP
        whole = self._const(f"{name}.int8", np.round(weight / scale).astype(np.int8))
        scales = self._const(f"{name}.scale", scale.astype(np.float32))
        symmetric = ""  # no zero point
        added = self._const(f"{name}.bias", bias)
        return self._node("DynamicQuantizeMatMul", states, whole, scales, symmetric, added, domain=MICROSOFT)

    def _normal(self, states: str, place: str) -> str:
        weight, bias = self._weight(f"{place}.weight"), self._weight(f"{place}.bias")
        return self._node("LayerNormalization", states, weight, bias, epsilon=1e-12)

    def _columns(self, place: str) -> Floats:
        return self._weights[f"{place}.weight"].T

    def _weight(self, name: str) -> str:
        return self._const(name, self._weights[name])

    def _const(self, name: str, value: NDArray[Any]) -> str:
        self._constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def _node(self, kind: str, *inputs: str, output: str = "", domain: str = "", **attributes: object) -> str:
        output = output or f"{kind}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output
