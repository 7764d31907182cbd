#!/usr/bin/env python3
"""A small site to crawl, on loopback: prints its address, and then, with --log FILE, notes every path that is asked for.

The first page links to ten articles (one of them twice, one also as a print version with the same text), to a page that is gone, to a
picture, and to another site. Every article links to one page deeper, which a crawl of two levels never sees.
"""

import argparse
import http.server
import pathlib

ARTICLES = 10
WORDS = "river stone lamp garden paper window harbour copper winter letter bridge orchard".split()


def page(title, body):
    head = f"<head><title>{title}</title><style>p {{ margin: 0 }}</style></head>"
    return f"<!doctype html><html>{head}<body><h1>{title}</h1>{body}</body></html>"


def article(number):
    words = " ".join(WORDS[(number * 5 + place * (number + 1)) % len(WORDS)] for place in range(40))
    return page(f"Article {number}", f'<p>{words}</p><a href="/deep/{number}.html">more</a>')


def make_site():
    links = "".join(f'<a href="/article/{number}.html">article {number}</a> ' for number in range(ARTICLES))
    links += '<a href="article/3.html#top">again</a> <a href="/print/3.html">to print</a> <a href="/gone.html">gone</a> '
    links += '<a href="/picture.png">a picture</a> <a href="http://elsewhere.example/">another site</a>'
    site = {"/": page("Everything", links), "/print/3.html": article(3)}
    site |= {f"/article/{number}.html": article(number) for number in range(ARTICLES)}
    return site | {f"/deep/{number}.html": page(f"Deep {number}", "too deep") for number in range(ARTICLES)}


class Handler(http.server.BaseHTTPRequestHandler):
    site, log = make_site(), None

    def do_GET(self):
        if self.log:
            with open(self.log, "a") as file:
                file.write(self.path + "\n")
        picture = self.path == "/picture.png"
        content = b"\x89PNG" if picture else self.site.get(self.path, "not here").encode()
        self.send_response(200 if picture or self.path in self.site else 404)
        self.send_header("Content-Type", "image/png" if picture else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=pathlib.Path, help="file that gets the path of every request")
    parser.add_argument("--port", type=int, default=0, help="0: one that is free, and printed")
    options = parser.parse_args()
    Handler.log = options.log
    with http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
