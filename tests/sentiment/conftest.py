"""The bundled model, loaded once for all tests of a process."""

from __future__ import annotations

import pytest

from sentiment.classifier import load_bundled
from sentiment.onnx import OnnxClassifier


@pytest.fixture(scope="session")
def bundled() -> OnnxClassifier:
    return load_bundled()
