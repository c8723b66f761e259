"""Data directories of Trow 0.3 and 0.10, imported at start: read by a reader each, written like everything else."""
