// The values of a slide's tiles, as the server sends them: a length, a header of JSON, then one array after the other.

const ARRAYS = { float32: Float32Array, int32: Int32Array };

/**
 * @param {ArrayBuffer} buffer little-endian, as the platforms of all browsers are.
 * @returns {{tiles: number, extent: number, arrays: Object<string, Float32Array|Int32Array>}} `extent` is the side of
 *   a tile in level-0 pixels; `arrays` has `x` and `y`, level-0 pixels of the top left corners, and each layer's key.
 */
export function decodeValues(buffer) {
  const headerLength = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headerLength)));
  const arrays = {};
  let start = 4 + headerLength;
  for (const { key, dtype, length } of header.arrays) {
    const Values = ARRAYS[dtype];
    if (!Values) throw new Error(`Values of ${key} are ${dtype}, which this page does not know.`);
    const end = start + length * Values.BYTES_PER_ELEMENT;
    arrays[key] = new Values(buffer.slice(start, end)); // a copy: the header's length need not be a multiple of 4
    start = end;
  }
  return { tiles: header.tiles, extent: header.tile_size_level0, arrays };
}
