"""Starts real Apus processes and speaks to them as independent clients do."""
