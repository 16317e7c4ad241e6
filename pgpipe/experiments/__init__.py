"""Experiments of DVC: its queue, jobs of a cluster, and what git keeps of those that are done."""
