"""Several runs that belong together: cross-validation, ensembles, what both have in common."""
