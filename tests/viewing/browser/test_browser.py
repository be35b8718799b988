"""What a reader does, in a browser, on the page of a running viewer."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from ..conftest import EXTENT, predictions_of, put_predictions

pytestmark = pytest.mark.slow
MIDDLE_OF_TILE_0 = f"x={EXTENT / 2}&y={EXTENT / 2}&zoom=2"


def test_the_mistake_is_found_by_key_and_a_tile_tells_its_scores(browsing):
    page = browsing.open()
    page.keyboard.press("m")
    expect(page.locator(".row.current")).to_have_attribute("data-slide", "wrong")
    expect(page.locator(".row.current .wrong")).to_have_text("✗ wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector('body[data-ready="slide wrong"]')
    before = browsing.place()
    assert browsing.place_after(lambda: page.keyboard.press("+"))[2] > before[2]

    browsing.open_slide(f"#slide=wrong&{MIDDLE_OF_TILE_0}")
    browsing.click_middle()
    card = page.locator('.tile-card[data-tile="0"]')
    expect(card.locator('[data-class="LUSC"] .number')).to_have_text("0.900")
    expect(card).to_contain_text("0, 0 px")
    expect(card).to_contain_text(f"{EXTENT} px, {EXTENT // 2} µm")
    assert card.locator("img").evaluate("async (image) => (await image.decode(), image.naturalWidth)") == EXTENT


def test_a_layer_is_switched_and_faded_by_key_and_stands_in_the_link(browsing):
    page = browsing.open_slide("#slide=wrong")
    pane = page.locator(".pane").first
    expect(pane).to_have_attribute("data-layer", "score:LUSC")  # that of the predicted class
    page.keyboard.press("1")
    expect(pane).to_have_attribute("data-layer", "score:LUAD")
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile(r"layer=score:LUAD.*opacity=0\.55"))
    page.keyboard.press("0")
    expect(pane).to_have_attribute("data-layer", "")


def test_a_note_and_its_place_are_there_after_a_reload(browsing):
    page = browsing.open_slide(f"#slide=bounds&x={320 + 64}&y={640 + 64}&zoom=1.5")
    browsing.click_middle()
    page.wait_for_selector('.tile-card[data-tile="0"]')
    page.get_by_label("Text of the note").fill("<b>no</b> tumour & no doubt")
    page.get_by_role("button", name="Disagree").click()
    expect(page.locator(".note-panel li.note")).to_contain_text("<b>no</b> tumour & no doubt")
    expect(page.get_by_label("Text of the note")).to_have_value("")
    place = browsing.place()

    page.reload()
    page.wait_for_selector('body[data-ready="slide bounds"]')
    assert browsing.place() == pytest.approx(place, rel=1e-3)
    page.wait_for_selector('.tile-card[data-tile="0"]')
    expect(page.locator(".note-panel li.note")).to_contain_text("at 320, 640")
    line = json.loads((browsing.viewer.results / "notes.jsonl").read_text().splitlines()[-1])
    assert (line["mark"], line["reader"], line["place"]) == (
        "disagree",
        "a reader",
        {"x": 320, "y": 640, "size": EXTENT},
    )
    page.keyboard.press("N")
    expect(page.locator(".notes-room li.note")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "<b>no</b> tumour & no doubt" in download.value.path().read_text()


def test_a_note_is_not_lost_when_the_server_does_not_answer(browsing):
    page = browsing.open_slide("#slide=right")
    browsing.expected.append("ERR_FAILED")
    page.route("**/api/notes", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    text = page.get_by_label("Text of the note")
    text.fill("to be kept")
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".message")).to_contain_text("The note is not saved: The viewer does not answer.")
    expect(text).to_have_value("to be kept")
    page.reload()
    page.wait_for_selector('body[data-ready="slide right"]')
    expect(text).to_have_value("to be kept")
    page.unroute("**/api/notes")
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".note-panel li.note")).to_have_count(1)


def test_filters_order_and_view_are_in_the_link_and_slides_set_aside_tell_why(browsing):
    page = browsing.open("#cohort&right=wrong")
    expect(page.locator(".row[data-slide]")).to_have_count(1)
    expect(page.locator(".count")).to_have_text("1 of 8 slides, 1 wrong")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator(".row[data-slide]")).to_have_count(8)
    expect(page.locator('.row[data-slide="aside"]')).to_contain_text("set aside: aside has no tissue.")
    page.locator("select[name=state]").select_option("tiled")
    page.keyboard.press("Escape")
    page.get_by_label("Search").fill("til")
    expect(page.locator(".row[data-slide]")).to_have_count(1)
    page.get_by_role("button", name="Wall").click()
    expect(page.locator('.cell[data-slide="tiled"] img')).to_have_attribute("src", "api/slides/tiled/thumbnail.jpg")
    expect(page).to_have_url(re.compile("view=wall.*text=til.*state=tiled"))
    page.reload()
    expect(page.locator(".cell")).to_have_count(1)


def test_back_and_forward_go_through_slides_and_next_follows_the_filter(browsing):
    page = browsing.open("#cohort&split=test&sort=slide&down=no")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".row.current")).to_have_attribute("data-slide", "bounds")
    page.keyboard.press("Enter")
    page.wait_for_selector('body[data-ready="slide bounds"]')
    page.keyboard.press("j")
    page.wait_for_selector('body[data-ready="slide right"]')
    page.keyboard.press("m")
    page.wait_for_selector('body[data-ready="slide wrong"]')
    page.go_back()
    page.wait_for_selector('body[data-ready="slide right"]')
    page.go_back()
    page.go_back()
    page.wait_for_selector('body[data-ready="cohort"]')
    page.go_forward()
    page.wait_for_selector('body[data-ready="slide bounds"]')


def test_two_models_side_by_side_move_together(browsing):
    page = browsing.open_slide("#slide=right&with=run:mil&layer=score:LUAD")
    expect(page.locator(".pane:visible")).to_have_count(2)
    before = browsing.place(0)
    first = browsing.place_after(lambda: page.keyboard.press("+"))
    assert first[2] > before[2]
    assert browsing.place(1) == pytest.approx(first, rel=1e-3)
    expect(page.locator(".pane").nth(1)).to_have_attribute("data-layer", "score:LUAD")


def test_two_slides_side_by_side_move_by_the_same_microns(browsing):
    page = browsing.open_slide("#slide=right&with=slide:wrong")  # 0.4 and 0.5 microns for a pixel
    browsing.place_after(lambda: page.keyboard.press("+"))
    first, second = browsing.place(0), browsing.place(1)
    assert 0.4 / first[2] == pytest.approx(0.5 / second[2], rel=1e-4)
    browsing.place_after(lambda: page.keyboard.press("ArrowRight"))
    moved = [(browsing.place(number)[0] - before[0]) for number, before in enumerate((first, second))]
    assert moved[0] * 0.4 == pytest.approx(moved[1] * 0.5, rel=1e-3)
    assert moved[0] > 0


def test_outlines_tissue_and_flags_are_drawn_where_they_are(browsing):
    browsing.expected.append("willReadFrequently")  # the test reads the canvas, the page never does
    page = browsing.open_slide("#slide=right&x=150&y=150&zoom=2&layer=none&show=outlines,tissue,flags")
    expect(page.locator(".swatch")).to_have_text(["tumour", "pen marks: 2", "out of focus: 2"])
    pane = page.locator(".pane").first
    box = pane.bounding_box()

    def drawn(x, y):
        """Whether something is drawn within two pixels of a place of the slide."""
        left, top = box["width"] / 2 + (x - 150) * 2, box["height"] / 2 + (y - 150) * 2
        inside = (
            "(canvas, [x, y]) => canvas.getContext('2d').getImageData(x - 2, y - 2, 5, 5).data.some((value) => value)"
        )
        return pane.locator("canvas.marks").evaluate(inside, [round(left), round(top)])

    assert drawn(50, 10)  # the outline's upper edge, and its lower right corner
    assert drawn(90, 90)
    assert drawn(192, 0)  # the upper edge of tile 1, which is flagged
    assert drawn(350, 290)  # the right edge of the tissue, the upper left quarter of the slide
    assert not drawn(50, 50)
    assert not drawn(300, 200)
    page.keyboard.press("t")
    expect(page.get_by_role("checkbox", name="Tissue")).not_to_be_checked()
    assert not drawn(350, 290)


def test_galleries_lead_to_the_place_of_a_tile(browsing):
    page = browsing.open("#tiles", "tiles")
    page.get_by_label("Class").select_option("LUSC")
    page.get_by_role("region", name="Mistaken tiles of LUSC").get_by_role("link").first.click()
    page.wait_for_selector('body[data-ready="slide wrong"]')
    expect(page.locator('.tile-card[data-tile="0"] [data-class="LUSC"] .number')).to_have_text("0.900")
    assert browsing.place() == pytest.approx((EXTENT / 2, EXTENT / 2, 0.5), rel=1e-3)


def test_the_view_is_saved_as_a_picture_with_its_scale_bar(browsing, tmp_path):
    page = browsing.open_slide(f"#slide=right&{MIDDLE_OF_TILE_0}&opacity=1")
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == "right.png"
    pixels = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)
    box = page.locator(".pane").first.bounding_box()
    assert pixels.shape[:2] == (round(box["height"]) + 54, round(box["width"]))
    # 0.4 microns a pixel at zoom 2: the longest round length of at most 160 pixels is 20 microns, which are 100 pixels.
    assert page.locator(".scale-bar").first.get_attribute("data-microns") == "20"
    bar = (pixels[round(box["height"]) - 24 : round(box["height"]) - 20, :400] == 0x11).all(axis=2)
    assert bar.any(axis=0).sum() == pytest.approx(100, abs=1)


def test_what_goes_wrong_is_told_in_a_line_and_the_page_stays(browsing):
    page = browsing.open()
    browsing.expected.append("ERR_FAILED")
    page.route("**/api/cohort", lambda route: route.abort())
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".message")).to_contain_text("The viewer does not answer.")
    expect(page.locator(".row[data-slide]")).to_have_count(8)
    page.unroute("**/api/cohort")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".message")).to_have_count(0)


def test_without_the_cookie_the_page_says_how_to_get_in(browsing):
    browsing.expected.append("status of 401")
    page = browsing.open()
    page.context.clear_cookies()
    page.reload()
    expect(page.locator(".message")).to_contain_text("Open the address that the viewer printed when it started.")


def test_a_slide_without_its_file_is_told_and_its_neighbours_are_reached(browsing):
    browsing.expected.append("status of 404")
    page = browsing.open_slide("#slide=gone&sort=slide&down=no")
    expect(page.locator(".message")).to_contain_text("the file of gone is not there")
    page.keyboard.press("k")
    page.wait_for_selector('body[data-ready="slide far"]')
    page.keyboard.press("j")
    page.wait_for_selector('body[data-ready="slide gone"]')


def test_what_is_predicted_while_the_page_is_open_appears(browsing):
    page = browsing.open()
    row = page.locator('.row[data-slide="tiled"]')
    expect(row).to_contain_text("tiled")
    put_predictions(browsing.viewer.results, predictions_of("tiled", [0.9, 0.9, 0.9, 0.9]))
    while "0.900" not in row.inner_text():
        with page.expect_response("**/api/cohort"):  # as every ten seconds, and when the reader comes back to the page
            page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(row.locator(".prediction")).to_contain_text("LUAD")


def test_colours_are_those_of_the_report(browsing):
    import matplotlib

    from slidemill.reporting.palette import class_colour

    page = browsing.open()
    viridis, classes = page.evaluate(
        "async () => { const m = await import('/colour.js');"
        " return [m.viridis, [0, 1, 2, 3, 4, 5, 6, 7, 8].map(m.classColour)]; }"
    )
    expected = matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255
    assert np.abs(np.array(viridis) - expected).max() < 2
    assert classes == [class_colour(place) for place in range(9)]
