"""Growth: spikes of volume and negativity (spikes.py), and how far a single mention spreads (spread.py)."""
