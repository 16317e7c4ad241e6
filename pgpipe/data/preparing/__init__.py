"""From images of any size to one array of bytes per resolution."""
