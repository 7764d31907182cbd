"""A strict reader of the Prometheus text format (version 0.0.4), as far as counters and gauges go.

    families = prometheus.parse(text)      # {"stint_tasks": Family(type, help, {labels: value})}; labels: a sorted tuple of pairs

Raises Malformed for whatever a scraper may stumble over: a sample without # TYPE, a sample told twice, a family told in two places.
"""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')


class Malformed(Exception):
    pass


class Family:
    def __init__(self, kind, text):
        self.type, self.help, self.samples = kind, text, {}


def parse(text):
    if not text.endswith("\n"):
        raise Malformed("the last line has no end")
    families, help_of, current = {}, {}, None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.startswith("# HELP "):
                name, _, words = line[7:].partition(" ")
                help_of[name] = words
            elif line.startswith("# TYPE "):
                current = _begin_family(families, help_of, line[7:])
            elif line and not line.startswith("#"):
                _add_sample(families, current, line)
        except Malformed as error:
            raise Malformed(f"line {number}: {error}: {line!r}") from None
    return families


def _begin_family(families, help_of, rest):
    name, _, kind = rest.partition(" ")
    if not re.fullmatch(NAME, name) or kind not in ("counter", "gauge"):
        raise Malformed("not the type of a family")
    if name in families:
        raise Malformed("the family is told in two places")
    if not help_of.get(name):
        raise Malformed("a family without help")
    if kind == "counter" and not name.endswith("_total"):
        raise Malformed("a counter's name ends in _total")
    families[name] = Family(kind, help_of[name])
    return name


def _add_sample(families, current, line):
    found = SAMPLE.fullmatch(line)
    if not found:
        raise Malformed("not a sample")
    name, labels, value = found.groups()
    if name != current:
        raise Malformed("a sample outside its family")
    key = _labels(labels)
    if key in families[name].samples:
        raise Malformed("the sample is told twice")
    try:
        families[name].samples[key] = float(value)
    except ValueError:
        raise Malformed("the value is not a number") from None


def _labels(text):
    pairs, at = {}, 0
    while text and at < len(text):
        found = LABEL.match(text, at)
        if not found or found[1] in pairs:
            raise Malformed("malformed labels")
        pairs[found[1]] = found[2]
        at = found.end()
    return tuple(sorted(pairs.items()))
