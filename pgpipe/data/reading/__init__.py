"""Reading what users have: folders, archives, tables and images, within bounds."""
