"""Many recordings at once: a manifest performed by processes or by a Ray cluster, resumable."""
