"""What every room uses and no paper describes: files, hashes, processes, the terminal, git."""
