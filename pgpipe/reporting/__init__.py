"""What people look at: progress, figures, and the page."""
