"""Results as pictures, as text and as a page; nothing here trains, predicts or computes metrics."""
