"""The models shipped with the package."""
