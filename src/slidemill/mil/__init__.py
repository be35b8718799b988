"""Multiple instance learning: the tiles of a slide, or of all slides of a patient, are one bag with one label.

Nothing is imported here: bags, how they are dealt and batches of them are numpy, so that they are planned and read
without TensorFlow; only modules of models import it.
"""
