"""Training of the bundled model, on a machine with the `torch` extra; nothing of it runs in the service.

`python -m sentiment.train --data DIR --encoder DIR --out DIR` reads the labelled data (`data.py`), tunes the encoder
with its heads (`network.py`, `fit.py`), sets temperatures and thresholds on held-out rows (`calibrate.py`), writes
the int8 graph (`export.py`) and the card with what it measured (`card.py`).
"""
