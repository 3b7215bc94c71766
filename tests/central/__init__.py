"""Tests of the centre; `scenario` holds a small centre with sites that sign for it."""
