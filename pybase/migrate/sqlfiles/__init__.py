"""The folder `sql/`: records, SQL files, manifest, freshness, lint."""
