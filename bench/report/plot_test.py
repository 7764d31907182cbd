#!/usr/bin/env python3
import pathlib
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import plot  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def parse(*arguments):
    return xml.etree.ElementTree.fromstring(plot.svg(*arguments))


class Plot(unittest.TestCase):
    def test_equal_factors_are_equal_distances_on_a_logarithmic_axis(self):
        drawn = parse("t", plot.Axis("x", log=True), plot.Axis("y", log=True), [("a", [(1, 10), (10, 100), (100, 1000)])])
        points = [tuple(map(float, pair.split(","))) for pair in drawn.find(f"{SVG}polyline").get("points").split()]
        for axis in (0, 1):
            first, second, third = (point[axis] for point in points)
            self.assertAlmostEqual(second - first, third - second, delta=0.2)

    def test_larger_is_higher_and_inside_the_frame(self):
        drawn = parse("t", plot.Axis("x"), plot.Axis("y"), [("a", [(0, 3), (7, 12)])])
        low, high = (tuple(map(float, pair.split(","))) for pair in drawn.find(f"{SVG}polyline").get("points").split())
        self.assertLess(high[1], low[1])
        frame = drawn.find(f"{SVG}rect[@class='frame']")
        self.assertGreaterEqual(high[1], float(frame.get("y")))
        self.assertLessEqual(high[0], float(frame.get("x")) + float(frame.get("width")))

    def test_names_are_shown_as_they_are(self):
        drawn = parse("a < b & c", plot.Axis("x"), plot.Axis("y"), [("<script>", [(1, 1)])])
        self.assertIn("<script>", [text.text for text in drawn.iter(f"{SVG}text")])

    def test_what_has_no_logarithm_is_an_error_that_names_the_axis(self):
        with self.assertRaisesRegex(ValueError, "pending: 0 "):
            plot.svg("t", plot.Axis("pending", log=True), plot.Axis("y"), [("a", [(0, 1)])])

    def test_ticks_are_round_numbers(self):
        ticks = plot.Scale(plot.Axis("x"), [0, 1_100_000], 0, 1).ticks()
        self.assertEqual([plot.number(tick) for tick in ticks][:3], ["0", "200k", "400k"])


if __name__ == "__main__":
    unittest.main()
