"""The Genomic Data Commons: what files it has, and getting them whole and right."""
