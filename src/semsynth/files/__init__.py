"""Files: reading those one does not trust, writing whole ones, locking, and finding them in folders."""
