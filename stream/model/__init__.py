"""What the numbers mean: columns and a time in, columns out. No clock, no I/O, no Faust."""
