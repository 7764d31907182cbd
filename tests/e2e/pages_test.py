#!/usr/bin/env python3
"""The tutorial and the how-to pages: their commands run in order and print what the pages say. A2-6 runs the tutorial in a root of its own.

One page:  STINT_BIN_DIR=build/release/bin python3 tests/e2e/pages_test.py Pages.test_tutorial
"""

import e2e
from e2e import accept
import page

DOCS = accept.ROOT / "docs"


class Pages(e2e.Case):
    def shell(self, home):
        environment = self.product.environment | {"HOME": str(home)}
        environment["PATH"] = f"{self.product.bin}:{environment['PATH']}"
        environment.pop("STINT_STATE_DIR", None)
        shell = page.Shell(["bash", "--noprofile", "--norc"], cwd=home, env=environment, **accept.as_ordinary_user())
        self.addCleanup(shell.close)
        self.addCleanup(self.product.end)
        self.addCleanup(shell.run, "stint dev stop", 20)
        return shell

    def run_page(self, path, setup=""):
        home = self.folder / f"home-{path.stem}"
        home.mkdir()
        accept.give_to_ordinary_user(home)
        shell = self.shell(home)
        if setup:
            output, status = shell.run(setup)
            self.assertEqual(0, status, output)
        outcomes = page.run_page(path, shell)
        accept.say("\n".join(["", str(path.relative_to(accept.ROOT)), *page.table(outcomes)]))
        self.assertGreater(sum(1 for outcome in outcomes if outcome.word == "ok"), 0, "the page has nothing to run")
        broken = [page.describe(path, outcome) for outcome in outcomes if outcome.problem]
        if broken:
            self.fail("\n\n".join(["", *broken]))


def test_of(path, setup):
    return lambda self: self.run_page(path, setup)


# Who reads a how-to page has a scheduler; the tutorial says how to get one.
setattr(Pages, "test_tutorial", test_of(DOCS / "tutorial.md", ""))
for how_to in sorted((DOCS / "howto").glob("*.md")):
    if how_to.stem != "README":
        setattr(Pages, f"test_{how_to.stem.replace('-', '_')}", test_of(how_to, "stint dev --detach >/dev/null"))


if __name__ == "__main__":
    e2e.main()
