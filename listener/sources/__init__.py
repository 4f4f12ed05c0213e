"""One file per platform. SDKs and wire formats are known here and nowhere else."""
