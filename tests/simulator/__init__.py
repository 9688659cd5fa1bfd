"""Tests of the offline service, and nothing else: they need no client of ours."""
