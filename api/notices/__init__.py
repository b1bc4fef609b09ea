"""6302, the centre's notice."""
