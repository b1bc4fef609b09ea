"""Key files, key providers, practice keys and signing secrets."""
