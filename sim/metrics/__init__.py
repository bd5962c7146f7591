"""What is measured: the recorder, mergeable histograms, and the tables' columns with their units."""
