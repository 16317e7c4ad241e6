"""The command line: one file per group of commands, each of which only passes options on."""
