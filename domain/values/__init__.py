"""Values as people and other systems write them, and the one form of each that we keep."""
