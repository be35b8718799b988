import pytest

from slidemill.reporting.cohort_numbers import site_lines
from slidemill.reporting.costs import rule_costs
from slidemill.reporting.slide_pictures import BUDGET_BYTES, heatmap_side
from slidemill.splits.table import SplitRow

from .fake_run import FakeSlide, write_run


def test_costs_of_each_rule_are_summed_over_its_jobs(tmp_path):
    files = write_run(tmp_path, [FakeSlide("t", "LUAD", "test")])
    tile, train = rule_costs(files.benchmarks)
    assert (tile.rule, tile.jobs, tile.seconds, tile.longest_seconds, tile.memory_mb) == ("tile_slide", 2, 6, 4, 100)
    assert (train.rule, train.jobs, train.memory_mb) == ("train", 1, 800)


def test_no_benchmarks_are_no_costs(tmp_path):
    assert rule_costs([tmp_path / "absent"]) == []


@pytest.mark.parametrize(("slides", "side"), [(0, 1200), (10, 1200), (100_000, 320)])
def test_heatmaps_are_neither_huge_nor_illegible(slides, side):
    assert heatmap_side(slides) == side


def test_more_slides_have_smaller_heatmaps_within_the_budget():
    sides = [heatmap_side(slides) for slides in (10, 500, 1000, 2000)]
    assert sides == sorted(sides, reverse=True)
    assert 2000 * heatmap_side(2000) ** 2 * 0.25 * 0.3 <= BUDGET_BYTES * 1.01


def test_sites_have_their_lines_where_the_sheet_tells_them():
    rows = [SplitRow(f"s{n}", f"p{n}", "LUAD", site, "test", 5, "usable", "") for n, site in enumerate(["B", "A", "B"])]
    assert [(line.name, line.amounts[-1].slides) for line in site_lines({"test": rows})] == [("A", 1), ("B", 2)]
    nowhere = [SplitRow("s", "p", "LUAD", "", "test", 5, "usable", "")]
    assert site_lines({"test": nowhere}) == []
