"""Studies: points, replications of each, results that are kept, and what may be said of them."""
