"""Measurements: our acts beside hand-written SQL doing the same work, in the same run."""
