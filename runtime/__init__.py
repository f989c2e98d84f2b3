"""Translate pictures and films with a model, without torch."""
