"""Sealing, signing and key slots. Knows bytes only: no SQLite, no records, no platform. docs/FORMAT.md is its specification."""
