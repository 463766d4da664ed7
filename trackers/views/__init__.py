"""The staff pages of trackers, by subject."""
