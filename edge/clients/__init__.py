"""Doors to what is outside the node: spreadsheets that stations keep, the centre over HTTP."""
