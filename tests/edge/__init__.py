"""Tests of the node: rules, store, workflows."""
