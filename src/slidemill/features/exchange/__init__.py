"""Feature files of other tools: TRIDENT, STAMP and CLAM.

Their layouts, as files show them:

- TRIDENT: HDF5 with `features` (tiles, d) and `coords` (tiles, 2), level-0 pixels of the top left corner, whose
  attributes tell the side of a tile. In folders `{magnification}x_{side}px_{overlap}px_overlap/features_{encoder}/`.
- STAMP: HDF5 with `feats` (tiles, d) float16 and `coords` (tiles, 2) in microns; attributes of the file tell the unit
  and the side of a tile.
- CLAM: HDF5 with `features` and `coords` as TRIDENT's in `h5_files/`, and the features as a tensor in `pt_files/`.
"""

from typing import Literal

Layout = Literal["trident", "stamp", "clam"]
