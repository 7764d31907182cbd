"""Fetches pages and keeps their titles, texts and links, one JSON object a page; plain Python.

usage: crawl.py --links URL         one page; also writes links.txt: each address of the same site that it links to, once
       crawl.py --list FILE         the pages whose addresses FILE holds, one a line

A page that is not there or is no HTML is noted with its status. Any other trouble ends the program: a further attempt may have better luck.
"""

import argparse
import html.parser
import json
import os
import pathlib
import urllib.error
import urllib.parse
import urllib.request

PAGE_BYTES = 1_000_000
TIMEOUT_SECONDS = 10


class Page(html.parser.HTMLParser):
    """What of a page is to be read, and where it leads."""

    def __init__(self, address, text):
        super().__init__(convert_charrefs=True)
        self.address, self.inside, self.title, self.words, self.links = address, None, "", [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in ("title", "script", "style"):
            self.inside = tag
        if tag == "a" and dict(attrs).get("href"):
            whole = urllib.parse.urljoin(self.address, dict(attrs)["href"])
            self.links.append(urllib.parse.urldefrag(whole).url)

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = None

    def handle_data(self, data):
        if self.inside == "title":
            self.title += data.strip()
        elif self.inside is None:
            self.words += data.split()


def fetch(address):
    """The row of a page, and the page itself if there is one."""
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
            kind, content = response.headers.get_content_type(), response.read(PAGE_BYTES)
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise
        return {"url": address, "status": error.code}, None
    if kind != "text/html":
        return {"url": address, "status": 200, "type": kind}, None
    page = Page(address, content.decode(errors="replace"))
    return {"url": address, "status": 200, "title": page.title, "text": " ".join(page.words), "links": len(page.links)}, page


def is_of_site(address, site):
    return urllib.parse.urlsplit(address)[:2] == urllib.parse.urlsplit(site)[:2]


def main():
    parser = argparse.ArgumentParser()
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--links", metavar="URL")
    where.add_argument("--list", metavar="FILE", type=pathlib.Path)
    options = parser.parse_args()

    outputs = pathlib.Path(os.environ["STINT_OUTPUTS"])
    addresses = [options.links] if options.links else options.list.read_text().splitlines()
    fetched = [fetch(address) for address in addresses]
    (outputs / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row, _ in fetched))
    if options.links:
        page = fetched[0][1]
        if page is None:
            raise SystemExit(f"crawl: {options.links}: no page to start from ({fetched[0][0]})")
        links = [link for link in dict.fromkeys(page.links) if is_of_site(link, options.links) and link != options.links]
        (outputs / "links.txt").write_text("".join(link + "\n" for link in links))
    for row, _ in fetched:
        print(row["status"], row["url"])


if __name__ == "__main__":
    main()
