"""Tests, ordered as the code is; `builders` makes what they need, `testdata` finds the data from outside."""
