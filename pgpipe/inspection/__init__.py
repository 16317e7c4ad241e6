"""Looking at data sets: raw ones before anything is prepared, and prepared ones."""
