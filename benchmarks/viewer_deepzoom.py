"""OpenSlide's DeepZoomGenerator behind the same web server as the viewer: what `benchmarks/viewer.py` compares with.

python benchmarks/viewer_deepzoom.py SLIDE TILE_SIZE THREADS    prints its address
"""

import asyncio
import io
import sys
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request, Response
from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator

from slidemill.web.gate import Gate
from slidemill.web.server import bind, serve, url_of
from slidemill.web.settings import Access

_QUALITY = 75  # as in openslide-python's deepzoom_server.py


def main(slide: str, tile_size: str, threads: str) -> None:
    generator = DeepZoomGenerator(OpenSlide(slide), tile_size=int(tile_size), overlap=0, limit_bounds=False)
    pool = ThreadPoolExecutor(int(threads))
    app = FastAPI()

    def encoded(level: int, column: int, row: int) -> bytes:
        content = io.BytesIO()
        generator.get_tile(level, (column, row)).save(content, "jpeg", quality=_QUALITY)
        return content.getvalue()

    @app.get("/pixels/{downsample}/{column}/{row}.jpg")
    async def tile(request: Request) -> Response:
        downsample, column, row = (int(request.path_params[name]) for name in ("downsample", "column", "row"))
        level = generator.level_count - downsample.bit_length()
        content = await asyncio.get_running_loop().run_in_executor(pool, encoded, level, column, row)
        return Response(content, media_type="image/jpeg")

    access = Access(port=0, token="a-token")  # noqa: S106
    own = bind(access)
    gate = Gate(app, access, is_open=lambda _: False, count=lambda *_: None)
    serve(gate, own, access, ready=lambda: print(url_of(own), flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
