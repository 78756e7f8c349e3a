"""What each method minimises, one file a method."""
