"""Everything together: whole days with real processes."""
