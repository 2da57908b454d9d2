"""Published checkpoints of other projects into our component folders; the only place that opens their pickles."""
