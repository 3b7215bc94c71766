"""Tests in a real browser, and what they share with the tests of the pages."""
