"""The direct reader gives OpenSlide's pixels, at the right place, and reads no more than it needs."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from slidemill.slides import UnreadableSlideError, open_slide
from slidemill.slides.jpeg import decoding_buffer
from slidemill.slides.tiff_file import TiffFile, open_tiff
from slidemill.slides.tiff_slide import read_tiff_slide

# Test modules are no package: this one is found by its place.
_SPEC = importlib.util.spec_from_file_location("tiff_cases", Path(__file__).with_name("tiff_cases.py"))
cases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)

JPEG = cases.CASES[3]
LOSSLESS = next(case for case in cases.CASES if case.name == "deflate")
# Mean and largest difference to OpenSlide where both downsample: it averages decoded pixels, the direct reader decodes
# at a lower resolution, which differs where colour is stored at half the resolution.
MEAN_BOUNDS = {2: 1.5, 4: 3.0}


def read(path, corners, *, extent, size, reader="direct", threads=1):
    with open_slide(path, reader) as slide:
        tiles = slide.map_tiles(
            lambda number, pixels: (number, pixels.copy()), np.array(corners), extent=extent, size=size, threads=threads
        )
        numbers, pixels = zip(*tiles, strict=True)
    assert numbers == tuple(range(len(corners)))
    return np.array(pixels)


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    return {case.name: cases.write(folder / f"{number}.tif", case) for number, case in enumerate(cases.CASES)}


class TestPixels:
    corners = st.lists(
        st.tuples(st.integers(0, cases.WIDTH - 200), st.integers(0, cases.HEIGHT - 200)), min_size=1, max_size=6
    )

    @pytest.mark.parametrize("name", [case.name for case in cases.CASES])
    def test_every_pixel_of_level_0_is_openslides(self, slides, name):
        corners = [(x, y) for y in (0, 90, cases.HEIGHT - 100) for x in (0, 77, 128, cases.WIDTH - 100)]
        ours = read(slides[name], corners, extent=100, size=100)
        np.testing.assert_array_equal(ours, read(slides[name], corners, extent=100, size=100, reader="openslide"))

    @given(corners=corners)
    def test_wherever_the_tiles_lie_and_however_they_overlap(self, slides, corners):
        ours = read(slides[JPEG.name], corners, extent=200, size=200)
        theirs = read(slides[JPEG.name], corners, extent=200, size=200, reader="openslide")
        np.testing.assert_array_equal(ours, theirs)

    def test_a_classic_big_endian_file_which_openslide_does_not_open(self, slides, tmp_path):
        case = replace(JPEG, file={"byteorder": ">"})
        slide = cases.write(tmp_path / "s.tif", case)
        ours = read(slide, [(0, 0)], extent=300, size=300)
        np.testing.assert_array_equal(ours, read(slides[JPEG.name], [(0, 0)], extent=300, size=300))

    @pytest.mark.parametrize("photometric", ["rgb", "ycbcr"])
    def test_tables_that_the_tiles_share(self, tmp_path, photometric):
        slide = cases.write_with_shared_tables(tmp_path / "s.tif", cases.texture(), photometric)
        corners = [(0, 0), (100, 30), (500, 400)]
        ours = read(slide, corners, extent=200, size=200)
        np.testing.assert_array_equal(ours, read(slide, corners, extent=200, size=200, reader="openslide"))

    def test_the_real_slide(self, real_slide):
        corners = [(x, y) for y in range(0, 2900 - 300, 437) for x in range(0, 2200 - 300, 391)]
        ours = read(real_slide, corners, extent=300, size=300)
        np.testing.assert_array_equal(ours, read(real_slide, corners, extent=300, size=300, reader="openslide"))

    @pytest.mark.parametrize("factor", [2, 4, 3, 1.37])
    @pytest.mark.parametrize("name", ["JPEG YCbCr 4:2:0", "JPEG RGB", "JPEG 2000 RGB", "deflate"])
    def test_downsampled_pixels_are_near_to_openslides(self, slides, name, factor):
        size = 64
        extent = round(size * factor)
        corners = [(0, 0), (8, 24), (40, 56)]
        difference = read(slides[name], corners, extent=extent, size=size).astype(int) - read(
            slides[name], corners, extent=extent, size=size, reader="openslide"
        )
        assert np.abs(difference).mean() < 1.5

    @pytest.mark.parametrize("factor", [2, 4])
    def test_the_real_slide_downsampled(self, real_slide, factor):
        corners = [(x, y) for y in (0, 512, 1024) for x in (0, 512, 1024)]
        ours = read(real_slide, corners, extent=256 * factor, size=256).astype(int)
        theirs = read(real_slide, corners, extent=256 * factor, size=256, reader="openslide")
        assert np.abs(ours - theirs).mean() < MEAN_BOUNDS[factor]

    def test_missing_tiles_are_white(self, tmp_path):
        slide = cases.write_with_shared_tables(tmp_path / "s.tif", cases.texture(), "ycbcr", missing=(1, 7))
        tile = read(slide, [(0, 0)], extent=384, size=384)[0]
        assert (tile[:128, 128:256] == 255).all()
        assert (tile[128:256, 128:256] == 255).all()
        assert not (tile[:128, :128] == 255).all()
        with open_slide(slide, "direct") as opened:
            assert opened.overview(350).shape == (300, 350, 3)

    def test_what_lies_outside_of_the_slide_is_white(self, slides):
        tile = read(slides[JPEG.name], [(cases.WIDTH - 50, cases.HEIGHT - 30)], extent=100, size=100)[0]
        assert (tile[30:] == 255).all()
        assert (tile[:, 50:] == 255).all()
        assert tile[:30, :50].mean() < 200

    @pytest.mark.parametrize("name", [case.name for case in cases.CASES])
    def test_the_overview_shows_the_slide(self, slides, name):
        with open_slide(slides[name], "direct") as ours, open_slide(slides[name], "openslide") as theirs:
            for side in (350, 212, 175):
                difference = ours.overview(side, threads=2).astype(int) - theirs.overview(side)
                # The two use different filters, which shows most where colours were out of bounds.
                assert np.abs(difference).mean() < (8 if "YCbCr" in name else 3.5)
            np.testing.assert_array_equal(ours.overview(10_000), theirs.overview(10_000))


class TestPlaces:
    """A picture of which each place is known: no tile is shifted by a pixel of level 0, at any scale."""

    SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))

    @pytest.fixture(scope="class")
    @staticmethod
    def truth():
        return cases.texture(1032, 1300, sigma=12.0)

    @pytest.fixture(scope="class")
    @staticmethod
    def pyramids(truth, tmp_path_factory):
        folder = tmp_path_factory.mktemp("pyramids")
        quarter = truth[:1032, :1300].reshape(258, 4, 325, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
        return {
            (name, count): cases.write(folder / f"{case.name}-{count}.tif", case, [truth, quarter][:count])
            for name, case in {"JPEG": cases.CASES[0], "deflate": LOSSLESS}.items()
            for count in (1, 2)
        }

    @pytest.mark.parametrize("factor", [1, 2, 3, 4, 1.5, 4.3, 8])
    @pytest.mark.parametrize("levels", [1, 2])
    @pytest.mark.parametrize("codec", ["JPEG", "deflate"])
    @pytest.mark.parametrize("reader", ["direct", "openslide"])
    def test_no_tile_is_shifted(self, truth, pyramids, codec, levels, factor, reader):
        size = 60
        extent = round(size * factor)
        corners = [(x * extent, y * extent) for y in range(2) for x in range(2)]
        corners = [(x + 4, y + 8) for x, y in corners] if factor in (1, 2, 4) else [(x + 5, y + 3) for x, y in corners]
        tiles = read(pyramids[codec, levels], corners, extent=extent, size=size, reader=reader)
        for tile, (x, y) in zip(tiles, corners, strict=True):
            here = self.distance(tile, truth, x, y, extent)
            shifted = [self.distance(tile, truth, x + dx, y + dy, extent) for dx, dy in self.SHIFTS]
            assert here < 0.75 * min(shifted)

    @staticmethod
    def distance(tile, truth, x, y, extent):
        """Mean difference between a tile and the true mean colours under its inner pixels."""
        size = tile.shape[0]
        fine = truth[y : y + extent, x : x + extent].astype(float)
        edges = np.linspace(0, extent, size + 1)
        sums = np.zeros((extent + 1, extent + 1, 3))
        sums[1:, 1:] = fine.cumsum(axis=0).cumsum(axis=1)
        rows = TestPlaces.at(sums, edges)
        area = TestPlaces.at(rows.swapaxes(0, 1), edges).swapaxes(0, 1)
        means = np.diff(np.diff(area, axis=0), axis=1) / (extent / size) ** 2
        return np.abs(means - tile)[4:-4, 4:-4].mean()

    @staticmethod
    def at(sums, edges):
        below = np.minimum(edges.astype(int), len(sums) - 2)
        share = (edges - below)[:, None, None]
        return sums[below] * (1 - share) + sums[below + 1] * share

    def test_a_corner_is_exact_at_level_0(self, tmp_path):
        y, x = np.mgrid[0:600, 0:700]
        pattern = np.stack([x % 256, y % 256, x // 256 + 16 * (y // 256)], axis=-1).astype(np.uint8)
        slide = cases.write(tmp_path / "s.tif", LOSSLESS, [pattern])
        for x, y in [(0, 0), (1, 0), (129, 257), (500, 400)]:
            tile = read(slide, [(x, y)], extent=100, size=100)[0]
            np.testing.assert_array_equal(tile, pattern[y : y + 100, x : x + 100])


class TestWork:
    @pytest.mark.parametrize(("extent", "size"), [(100, 100), (77, 77), (150, 75), (90, 60)])
    def test_threads_change_nothing(self, slides, extent, size):
        corners = [(x, y) for y in range(0, 600 - extent, extent) for x in range(0, 700 - extent, extent)]
        alone = read(slides[JPEG.name], corners, extent=extent, size=size)
        np.testing.assert_array_equal(read(slides[JPEG.name], corners, extent=extent, size=size, threads=4), alone)

    @pytest.mark.parametrize("threads", [1, 4])
    def test_each_source_tile_is_decoded_once_and_background_never(self, slides, monkeypatch, threads):
        decoded = []
        original = simplejpeg.decode_jpeg

        def counting(data, **options):
            decoded.append(bytes(data))
            return original(data, **options)

        monkeypatch.setattr(simplejpeg, "decode_jpeg", counting)
        # Two rows of tiles of 90 pixels over source tiles of 128: rows 0 and 1 of the slide's 5, columns 0 to 2 of 6.
        corners = [(x, y) for y in (0, 90) for x in (0, 90, 180)]
        read(slides[JPEG.name], corners, extent=90, size=90, threads=threads)
        assert len(decoded) == len(set(decoded)) == 2 * 3

    def test_bytes_are_read_in_the_order_of_the_file_and_in_few_pieces(self, slides, monkeypatch):
        with open_slide(slides[JPEG.name], "direct") as slide:
            places = []
            original = TiffFile.read

            def noting(file, place, count):
                places.append((place, count))
                return original(file, place, count)

            monkeypatch.setattr(TiffFile, "read", noting)
            corners = np.array([(x, 0) for x in range(0, 512, 128)])
            list(slide.map_tiles(lambda number, pixels: None, corners, extent=128, size=128))
        assert len(places) == 1

    def test_tiles_behind_4_gib(self, slides, tmp_path):
        original = slides["JPEG BigTIFF"]
        slide = tmp_path / "large.tif"
        slide.write_bytes(original.read_bytes())
        with open_tiff(original) as file, slide.open("r+b") as large:
            level = read_tiff_slide(file).levels[0]
            moved = level.offsets + 2**32 + 10
            for old, new, count in zip(level.offsets.tolist(), moved.tolist(), level.counts.tolist(), strict=True):
                large.seek(new)
                large.write(file.read(old, count))
                large.seek(old)
                large.write(bytes(count))
            large.seek(file.directories[0]._entries[324].place)
            large.write(moved.astype("<u8").tobytes())
        corners = [(0, 0), (300, 200)]
        ours = read(slide, corners, extent=300, size=300)
        np.testing.assert_array_equal(ours, read(original, corners, extent=300, size=300))


class TestProperties:
    @pytest.mark.parametrize(
        "options",
        [
            {"description": cases.APERIO},
            {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"},
            {"resolution": (50800, 50800), "resolutionunit": "INCH"},
            {"resolution": (72, 72), "resolutionunit": "INCH", "description": "Aperio|AppMag = 40"},
            {"description": "Aperio|AppMag = x|MPP = "},
            {},
        ],
    )
    def test_they_are_openslides(self, tmp_path, options):
        case = cases.Case("", {"compression": "jpeg", "photometric": "rgb", **options})
        path = cases.write(tmp_path / "s.tif", case)
        with open_slide(path, "direct") as ours, open_slide(path, "openslide") as theirs:
            assert ours.properties == theirs.properties
            assert (ours.name, theirs.name) == ("direct", "openslide")

    def test_the_real_slide(self, real_slide):
        with open_slide(real_slide) as ours, open_slide(real_slide, "openslide") as theirs:
            assert ours.properties == theirs.properties

    @pytest.mark.parametrize(
        ("pixels", "expected"),
        [
            ('PhysicalSizeX="0.5" PhysicalSizeY="0.25"', (0.5, 0.25)),
            ('PhysicalSizeX="500" PhysicalSizeXUnit="nm" PhysicalSizeY="0.5"', (0.5, 0.5)),
            ('PhysicalSizeX="0.5"', None),
            ('PhysicalSizeX="a" PhysicalSizeY="b"', None),
        ],
    )
    def test_ome_xml_states_the_resolution(self, tmp_path, pixels, expected):
        xml = f'<?xml version="1.0"?><OME xmlns="http://x"><Image ID="0"><Pixels {pixels}/></Image></OME>'
        path = self.with_description(tmp_path, xml)
        with open_slide(path, "direct") as slide:
            assert slide.properties.um_per_px == pytest.approx(expected)

    @pytest.mark.parametrize("xml", ["<OME", '<!DOCTYPE x [<!ENTITY a "aaaa">]><OME>&a;</OME>', "<OME/>"])
    def test_bad_xml_states_none(self, tmp_path, xml):
        with open_slide(self.with_description(tmp_path, xml), "direct") as slide:
            assert slide.properties.um_per_px is None

    @staticmethod
    def with_description(folder, text):
        case = cases.Case("", {"compression": "jpeg", "photometric": "rgb", "description": text})
        return cases.write(folder / "s.tif", case)

    def test_a_codec_that_it_does_not_know_is_left_to_openslide(self, tmp_path):
        path = cases.write(tmp_path / "s.tif", cases.Case("", {"compression": "zstd", "photometric": "rgb"}))
        with open_slide(path) as slide:
            assert slide.name == "openslide"
        reason = "the direct reader does not know it: compression 50000"
        with pytest.raises(UnreadableSlideError, match=reason), open_slide(path, "direct"):
            pass


@pytest.mark.parametrize("shape", [(256, 256, 3), (240, 240, 3), (8, 16, 3), (1, 1, 3)])
def test_decoding_buffers_lie_at_odd_addresses(shape):
    for buffer in [decoding_buffer(shape) for _ in range(8)]:  # all alive, so that each has an address of its own
        assert buffer.shape == shape
        assert buffer.flags.c_contiguous
        assert buffer.ctypes.data % 2 == 1
