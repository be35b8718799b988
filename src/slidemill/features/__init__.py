"""Features of tiles: encoders, extraction, and the files that hold the features.

Nothing is imported here: a job that only reads features needs no encoder, and each kind of encoder imports its own
library when it is asked for.
"""
