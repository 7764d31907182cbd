#!/usr/bin/env python3
"""Blobs over HTTP with real files: hostile uploads, broken ones, a scheduler killed in the middle, and the commands that use them."""

import concurrent.futures
import hashlib
import http.client
import json
import os
import random
import socket
import threading

import e2e

PIECE_LIMIT = 8 << 20


def name_of(content):
    return hashlib.sha256(content).hexdigest()


class Blobs(e2e.CellCase):
    @classmethod
    def boot(cls):
        cls.cell = e2e.Cell(cls.product)
        cls.api = cls.cell.start()

    def setUp(self):
        super().setUp()
        self.random = random.Random(self.id())

    def patch(self, blob, offset, size, content, **options):
        return self.request("PATCH", f"/v1/blobs/{blob}?offset={offset}&size={size}", content, **options)

    def assert_upload(self, offset, complete, answer):
        self.assertEqual(200, answer.status, answer.body)
        self.assertEqual({"offset": offset, "complete": complete}, answer.json())

    def assert_problem(self, status, code, answer):
        self.assertEqual((status, code), (answer.status, answer.json()["code"]), answer.body)
        self.assertTrue(answer.json()["detail"])
        return answer.json()

    def upload_state(self, blob):
        return self.request("GET", f"/v1/blobs/{blob}/upload").json()

    def whole(self, blob):
        answer = self.request("GET", f"/v1/blobs/{blob}")
        self.assertEqual(200, answer.status, answer.body[:300])
        return answer.body

    def raw(self, data, linger=b""):
        """Sends bytes as they are, and reads all that comes back."""
        host, port, _ = self.context()
        with socket.create_connection((host, port), timeout=e2e.PATIENCE) as connection:
            connection.sendall(data)
            answer = b""
            while part := connection.recv(65536):
                answer += part
                if linger and linger in answer:
                    break
            return answer

    def head(self, blob, offset, size, length, *more):
        _, _, token = self.context()
        lines = [f"PATCH /v1/blobs/{blob}?offset={offset}&size={size} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *more]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def test_goes_up_in_pieces_and_comes_back(self):
        content = self.random.randbytes(3_000_000)
        blob = name_of(content)
        self.assert_upload(1_000_000, False, self.patch(blob, 0, len(content), content[:1_000_000]))
        self.assertEqual(404, self.request("GET", f"/v1/blobs/{blob}").status)
        self.assert_upload(len(content), True, self.patch(blob, 1_000_000, len(content), content[1_000_000:]))
        self.assertEqual(content, self.whole(blob))
        part = self.request("GET", f"/v1/blobs/{blob}", Range="bytes=1500000-2500000")
        self.assertEqual((206, content[1_500_000:2_500_001]), (part.status, part.body))
        stored = self.cell.state / "blobs" / blob[:2] / blob
        self.assertEqual((len(content), 0o600), (stored.stat().st_size, stored.stat().st_mode & 0o777))

    def test_an_empty_blob(self):
        self.assert_upload(0, True, self.patch(name_of(b""), 0, 0, b""))
        self.assertEqual(b"", self.whole(name_of(b"")))

    def test_a_wrong_digest(self):
        blob = name_of(b"right")
        self.assert_problem(422, "digest_mismatch", self.patch(blob, 0, 5, b"wrong"))
        self.assertEqual({"offset": 0, "complete": False}, self.upload_state(blob))
        self.assertFalse((self.cell.state / "uploads" / blob).exists())

    def test_offsets_beyond_and_behind(self):
        blob = name_of(b"0123456789")
        self.assertEqual(0, self.assert_problem(409, "conflict", self.patch(blob, 5, 10, b"56789"))["offset"])
        self.assert_upload(5, False, self.patch(blob, 0, 10, b"01234"))
        for offset in (0, 3, 6, 10):
            self.assertEqual(5, self.assert_problem(409, "conflict", self.patch(blob, offset, 10, b""))["offset"])
        for query in ("offset=-1&size=10", "offset=5&size=-1", "offset=5&size=9", "offset=1e3&size=10", "offset=5", "size=10", ""):
            self.assert_problem(400, "invalid_argument", self.request("PATCH", f"/v1/blobs/{blob}?{query}", b"56789"))
        self.assert_upload(10, True, self.patch(blob, 5, 10, b"56789"))

    def test_sizes_over_the_limit(self):
        for size in (1 << 63, (1 << 64) - 1, (1 << 40) + 1):
            self.assert_problem(413, "out_of_range", self.patch(name_of(b"x"), 0, size, b"x"))
        self.assert_problem(400, "invalid_argument", self.patch(name_of(b"x"), 0, 1 << 64, b"x"))
        self.assert_problem(507, "no_space", self.patch(name_of(b"x"), 0, 1 << 40, b"x"))  # no disk of a test has so much
        self.assertEqual(0, self.upload_state(name_of(b"x"))["offset"])

    def test_a_piece_over_the_limit(self):
        """Refused when it is announced, and when it is not announced when it is too much."""
        answer = self.raw(self.head(name_of(b"x"), 0, 1 << 30, PIECE_LIMIT + 1))
        self.assertIn(b" 413 ", answer.splitlines()[0])
        self.assertIn(str(PIECE_LIMIT).encode(), answer)
        content = self.random.randbytes(PIECE_LIMIT + (1 << 20))
        head = self.head(name_of(content), 0, len(content), None, "Transfer-Encoding: chunked")
        try:
            answer = self.raw(head + b"%x\r\n" % len(content) + content + b"\r\n0\r\n\r\n")
            self.assertIn(b" 413 ", answer.splitlines()[0])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has stopped reading
        self.assertLessEqual(self.upload_state(name_of(content))["offset"], PIECE_LIMIT)

    def test_a_piece_that_is_not_announced(self):
        content = self.random.randbytes(300_000)
        head = self.head(name_of(content), 0, len(content), None, "Transfer-Encoding: chunked", "Connection: close")
        answer = self.raw(head + b"%x\r\n" % len(content) + content + b"\r\n0\r\n\r\n")
        self.assertIn(b" 200 ", answer.splitlines()[0])
        self.assertEqual(content, self.whole(name_of(content)))

    def test_names_that_are_paths(self):
        paths = ("..", "%2e%2e%2fstate.db", "..%2f..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd")
        requests = (("GET", "", None), ("PATCH", "?offset=0&size=1", b"x"), ("GET", "/upload", None), ("HEAD", "", None))
        for name in (*paths, "0" * 63, "0" * 65, "g" * 64, "0" * 63 + "%00"):
            for method, rest, body in requests:
                self.assertIn(self.request(method, f"/v1/blobs/{name}{rest}", body).status, (400, 404, 405), name)
        self.assertEqual({"blobs", "uploads"}, {path.name for path in self.cell.state.iterdir() if path.is_dir()})

    def test_a_piece_of_a_complete_blob(self):
        content = b"complete"
        self.assert_upload(8, True, self.patch(name_of(content), 0, 8, content))
        for offset, size, piece in ((0, 8, b"evil"), (3, 100, b"more"), (0, 8, content)):
            self.assert_upload(8, True, self.patch(name_of(content), offset, size, piece))
        self.assertEqual(content, self.whole(name_of(content)))

    def test_a_refusal_is_heard_by_one_that_is_still_sending(self):
        """The answer comes after the body, on a connection that goes on."""
        host, port, token = self.context()
        connection = http.client.HTTPConnection(host, port, timeout=e2e.PATIENCE)
        self.addCleanup(connection.close)
        for token_sent, status in (("wrong", 401), (token, 400)):
            connection.request("PATCH", "/v1/blobs/nonsense?offset=0&size=9", bytes(4 << 20), {"Authorization": f"Bearer {token_sent}"})
            response = connection.getresponse()
            self.assertEqual(status, response.status)
            response.read()

    def test_one_that_asks_before_it_sends(self):
        content = b"expected"
        host, port, _ = self.context()
        with socket.create_connection((host, port), timeout=e2e.PATIENCE) as connection:
            connection.sendall(self.head(name_of(content), 0, 8, 8, "Expect: 100-continue"))
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 100 "))
            connection.sendall(content)
            self.assertIn(b'"complete":true', connection.recv(65536))
        answer = self.raw(self.head("nonsense", 0, 8, 8, "Expect: 100-continue"))
        self.assertIn(b" 400 ", answer.splitlines()[0])

    def test_two_clients_send_the_same_at_once(self):
        content = self.random.randbytes(6_000_000)
        blob = name_of(content)
        start = threading.Barrier(2)

        def send_all():
            start.wait()
            offset = sent = 0
            while True:
                piece = content[offset : offset + 1_000_000]
                sent += len(piece)
                answer = self.patch(blob, offset, len(content), piece)
                self.assertIn(answer.status, (200, 409), answer.body)
                if answer.json().get("complete"):
                    return sent
                offset = answer.json()["offset"]

        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in [pool.submit(send_all) for _ in range(2)]:
                self.assertGreater(done.result(), 0)
        self.assertEqual(content, self.whole(blob))

    def test_a_body_that_breaks_off_is_kept(self):
        content = self.random.randbytes(2_000_000)
        host, port, _ = self.context()
        with socket.create_connection((host, port), timeout=e2e.PATIENCE) as connection:
            connection.sendall(self.head(name_of(content), 0, len(content), len(content)) + content[:1_500_000])
            kept = self.eventually("bytes that are kept", lambda: self.upload_state(name_of(content))["offset"])
        self.assertLessEqual(kept, 1_500_000)
        self.eventually("most of them", lambda: self.upload_state(name_of(content))["offset"] > 1_400_000)
        offset = self.upload_state(name_of(content))["offset"]
        self.assert_upload(len(content), True, self.patch(name_of(content), offset, len(content), content[offset:]))

    def test_slow_bodies_keep_nobody_waiting(self):
        """As many as may be on their way, none of which gets on: the API answers, and when they go, the next one is taken."""
        host, port, _ = self.context()
        slow = []
        for number in range(128):
            connection = socket.create_connection((host, port), timeout=e2e.PATIENCE)
            self.addCleanup(connection.close)
            connection.sendall(self.head(name_of(b"slow %d" % number), 0, 10_000, 10_000) + b"x")
            slow.append(connection)
        self.eventually("no place", lambda: self.patch(name_of(b"next"), 0, 4, b"next").status == 503)
        refused = self.patch(name_of(b"next"), 0, 4, b"next")
        self.assert_problem(503, "unavailable", refused)
        self.assertEqual("1", refused.headers["Retry-After"])
        self.assertEqual(200, self.request("GET", "/v1/info").status)
        for connection in slow:
            connection.close()
        self.eventually("a place", lambda: self.patch(name_of(b"next"), 0, 4, b"next").status == 200)

    def test_the_scheduler_is_killed_in_the_middle(self):
        content = self.random.randbytes(5_000_000)
        blob = name_of(content)
        self.assert_upload(3_000_000, False, self.patch(blob, 0, len(content), content[:3_000_000]))
        self.assertTrue(self.cell.scheduler.kill())
        self.restart_scheduler()
        self.assertEqual({"offset": 3_000_000, "complete": False}, self.upload_state(blob))
        self.assert_upload(len(content), True, self.patch(blob, 3_000_000, len(content), content[3_000_000:]))
        self.assertTrue(self.cell.scheduler.kill())
        self.restart_scheduler()
        self.assertEqual(content, self.whole(blob))

    def test_missing(self):
        self.assert_upload(4, True, self.patch(name_of(b"here"), 0, 4, b"here"))
        body = json.dumps({"blobs": [name_of(b"here"), name_of(b"not")]})
        self.assertEqual({"missing": [name_of(b"not")]}, self.request("POST", "/v1/blobs/missing", body).json())
        self.assert_problem(413, "out_of_range", self.request("POST", "/v1/blobs/missing", json.dumps({"blobs": [name_of(b"x")] * 1001})))

    def test_put_and_get_commands(self):
        content = self.random.randbytes(9_000_000)
        path = self.cwd / "put.bin"
        path.write_bytes(content)
        empty = self.product.write("empty.bin", "")
        lines = self.product.ensure("blob", "put", path, empty, path).splitlines()
        self.assertEqual([f"{name_of(content)}  {path}", f"{name_of(b'')}  {empty}", f"{name_of(content)}  {path}"], lines)
        self.product.ensure("blob", "get", name_of(content), "-o", self.cwd / "got.bin")
        self.assertEqual(content, (self.cwd / "got.bin").read_bytes())
        self.assertEqual([], list(self.cwd.glob(".*.stint-part")))

    def test_get_goes_on_with_what_is_there(self):
        content = self.random.randbytes(3_000_000)
        self.assert_upload(len(content), True, self.patch(name_of(content), 0, len(content), content))
        for there, status in ((content[:1_000_000], 0), (content, 0), (b"damaged", 125)):
            partial = self.cwd / f".{name_of(content)}.stint-part"
            partial.write_bytes(there)
            e2e.accept.give_to_ordinary_user(partial)
            done = self.product.command("blob", "get", name_of(content), "-o", "resumed.bin")
            self.assertEqual(status, done.returncode, done.stderr)
            self.assertFalse(partial.exists())
        self.assertEqual(content, (self.cwd / "resumed.bin").read_bytes())

    def test_commands_say_what_is_wrong(self):
        for arguments, status, words in (
            (("get", name_of(b"nobody")), 125, "not in this store"),
            (("get", "12"), 2, "64 hexadecimal digits"),
            (("put", "nowhere.bin"), 125, "nowhere.bin"),
            (("put", "."), 125, "not a file"),
        ):
            done = self.product.command("blob", *arguments)
            self.assertEqual(status, done.returncode, done.stderr)
            self.assertIn(words, done.stderr)
        self.assertEqual([], [name for name in os.listdir(self.cwd) if name.endswith(".stint-part")])


if __name__ == "__main__":
    e2e.main()
