"""The test images, a JSON object to a line: the items of the job. Usage: list_images.py DATA_FOLDER >items.jsonl"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "digits"))

import split  # noqa: E402


def main(folder):
    words = dict(line.split(",") for line in (folder / "images.csv").read_text().splitlines())
    for number in split.numbers()["test"]:
        print(json.dumps({"image": number, "pixels": words[str(number)]}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
