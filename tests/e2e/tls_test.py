#!/usr/bin/env python3
"""Beyond loopback a cell speaks TLS 1.3 only: what a stranger on the way sees, who is believed to be the cell, and what is refused."""

import json
import socket
import ssl
import subprocess
import sys

import e2e
import own_network
from recording_proxy import RecordingProxy
from web_socket_bridge import BINARY, TEXT, WebSocket, WebSocketBridge

SECRETS = ("word-of-a-secret-command", "text-of-a-secret-output")
JOB = f"""
name: quiet
run: cat in/data.txt; echo {SECRETS[0]} >&2; cp in/data.txt $STINT_OUTPUTS/copy.txt
inputs: [in/]
outputs: [copy.txt]
"""


class TlsCell(e2e.Case):
    """A scheduler that listens where others could reach it. Agents are added by the tests."""

    SCHEDULER_OPTIONS = ()

    @classmethod
    def boot(cls):
        cls.cell = e2e.Cell(cls.product, host=own_network.ADDRESS, options=cls.SCHEDULER_OPTIONS)
        cls.api = cls.cell.start()

    def context_of(self, state=None):
        return json.loads(((state or self.cell.state) / "context.json").read_text())

    def is_connected(self, name):
        return any(item["name"] == name and item["state"] == "connected" for item in self.api.items("/v1/agents"))

    def log_of(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def raw(self, data):
        host, port, _ = self.context()
        with socket.create_connection((host, port), timeout=e2e.PATIENCE) as connection:
            connection.sendall(data)
            answer = b""
            try:
                while part := connection.recv(65536):
                    answer += part
            except ConnectionResetError:
                pass  # closed with bytes that it did not read
        return answer


class Tls(TlsCell):
    def test_a_stranger_on_the_way_reads_nothing(self):
        host, port, token = self.context()
        key = self.folder / "far.key"
        self.product.ensure("agent", "token", "--key-file", key, "--name", "far")
        agent_key = json.loads(key.read_text())["key"]
        (self.cwd / "in").mkdir()
        self.product.write("in/data.txt", f"{SECRETS[1]}\n" * 2000)
        self.product.write("job.yaml", JOB)
        with RecordingProxy(host, port) as proxy:
            at_proxy = f"https://127.0.0.1:{proxy.port}"
            arguments = ("agent", "start", "--key-file", key, "--state-dir", self.folder / "agent-far", "--server", at_proxy)
            self.cell.agents["far"] = e2e.Daemon(self.product, "far.log", *arguments)
            self.cell.agents["far"].start()
            self.eventually("the agent connected", lambda: self.is_connected("far"))
            done = self.product.command(
                "run", "job.yaml", "--server", at_proxy, STINT_TOKEN=token, STINT_CELL_PIN=self.context_of()["tls_pin"]
            )
            self.assertEqual((0, f"{SECRETS[1]}\n" * 2000), (done.returncode, done.stdout), done.stderr)
            self.assertEqual(SECRETS[0], done.stderr.strip())
            outputs = self.product.ensure_json("outputs", "last")["items"]
            self.assertEqual(["copy.txt"], [item["path"] for item in outputs])
            self.assertGreater(len(proxy.seen), 40_000)
            for secret in (token, agent_key, *SECRETS, "copy.txt", "quiet", "Bearer"):
                self.assertNotIn(secret.encode(), proxy.seen)

    def test_in_the_clear_a_stranger_would_read_it(self):
        """What the test above would see if nothing were encrypted."""
        plain = e2e.Cell(self.product, name="plain")
        api = plain.start()
        self.product.environment["STINT_STATE_DIR"] = str(self.cell.state)
        host, port = plain.address()
        with RecordingProxy(host, port) as proxy:
            token = self.context_of(plain.state)["token"]
            done = self.product.command("agent", "list", "--server", f"http://127.0.0.1:{proxy.port}", STINT_TOKEN=token)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(token.encode(), proxy.seen)
        api.close()
        plain.scheduler.kill()

    def test_what_comes_in_the_clear_is_refused_and_not_handled(self):
        _, _, token = self.context()
        job = json.dumps({"tasks": [{"name": "main", "run": "true"}]})
        request = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(job)}\r\n\r\n{job}"
        before = len(list(self.api.items("/v1/jobs")))
        answer = self.raw(request.encode())
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertIn(b"this port speaks TLS", answer)
        self.assertEqual(b"", self.raw(b"St\x01\x01" + bytes(60)))
        self.assertEqual(before, len(list(self.api.items("/v1/jobs"))))
        self.assertIn("speaks frames in the clear", self.log_of("scheduler"))

    def test_an_agent_works_over_web_socket_in_tls(self):
        host, port, _ = self.context()
        tls = ssl.create_default_context(cafile=self.cell.state / "tls.crt")
        bridge = WebSocketBridge(lambda: tls.wrap_socket(socket.create_connection((host, port)), server_hostname=host))
        self.addCleanup(bridge.close)
        self.cell.add_agent("webbed", "--server", f"http://127.0.0.1:{bridge.port}", "--label", "way=web")
        self.eventually("the agent connected", lambda: self.is_connected("webbed"))
        self.product.write("web.yaml", "run: seq 100000\nlabels: {way: web}\n")
        done = self.product.command("run", "web.yaml")
        self.assertEqual((0, "".join(f"{i}\n" for i in range(1, 100001))), (done.returncode, done.stdout), done.stderr)
        self.assertEqual(1, bridge.connections)
        self.assertGreater(bridge.messages, 8)

    def test_a_web_socket_message_that_is_no_frame_ends_it(self):
        host, port, _ = self.context()
        tls = ssl.create_default_context(cafile=self.cell.state / "tls.crt")

        def connect():
            return tls.wrap_socket(socket.create_connection((host, port), e2e.PATIENCE), server_hostname=host)

        for opcode, payload in ((BINARY, b"St"), (BINARY, b"St" + bytes(62)), (TEXT, b"hello"), (BINARY, bytes(3 << 20))):
            web = WebSocket(connect)
            self.assertTrue(web.is_open, web.status)
            try:
                web.send(payload, opcode)
            except OSError:
                pass  # refused by its length already
            self.assertIsNone(web.receive())

    def test_another_key_than_the_pinned_is_not_spoken_to(self):
        wrong, right = "sha256:" + "0" * 64, self.context_of()["tls_pin"].split(",")[0]
        done = self.product.command("agent", "list", "--cell-pin", wrong)
        self.assertEqual(125, done.returncode)
        self.assertIn(f"shows key {right}, pinned is {wrong}", done.stderr)
        self.cell.add_agent("doubter", "--cell-pin", wrong)
        self.eventually("the refusal in its log", lambda: f"shows key {right}" in self.log_of("doubter"))
        self.assertFalse(self.is_connected("doubter"))
        self.cell.agents.pop("doubter").kill()

    def test_its_certificate_is_enough_for_other_programs(self):
        host, port, token = self.context()
        authority = self.folder / "tls.crt"
        authority.write_bytes((self.cell.state / "tls.crt").read_bytes())
        context = ssl.create_default_context(cafile=authority)
        with context.wrap_socket(socket.create_connection((host, port)), server_hostname=host) as connection:
            self.assertEqual("TLSv1.3", connection.version())
        done = self.product.command("agent", "list", "--server", f"https://{host}:{port}", "--ca-file", authority, STINT_TOKEN=token)
        self.assertEqual(0, done.returncode, done.stderr)
        stranger = self.product.command(
            "agent", "list", "--server", f"https://{host}:{port}", "--state-dir", self.folder / "nothing", STINT_TOKEN=token
        )
        self.assertEqual(125, stranger.returncode)
        self.assertIn("--cell-pin", stranger.stderr)

    def test_older_versions_of_tls_are_refused(self):
        host, port, _ = self.context()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises(ssl.SSLError), socket.create_connection((host, port)) as connection:
            context.wrap_socket(connection)

    def test_a_new_certificate_of_the_same_key_changes_nothing(self):
        self.cell.add_agent("steady")
        self.eventually("the agent connected", lambda: self.is_connected("steady"))
        pin, certificate = self.context_of()["tls_pin"], (self.cell.state / "tls.crt").read_text()
        self.api.close()
        self.cell.scheduler.kill()
        (self.cell.state / "tls.crt").unlink()
        self.cell.scheduler.start()
        self.eventually("the API", lambda: self.api.try_get("/v1/info"))
        self.assertNotEqual(certificate, (self.cell.state / "tls.crt").read_text())
        self.assertEqual(pin, self.context_of()["tls_pin"])
        self.eventually("the agent back", lambda: self.is_connected("steady"))


class NextKeys(TlsCell):
    """Keys that the cell does not show yet."""

    def start_with_one_pin(self, name):
        """An agent that knows only the key which the cell shows. Gives its key file."""
        key = self.folder / f"{name}.key"
        self.product.ensure("agent", "token", "--key-file", key, "--name", name)
        known = json.loads(key.read_text())
        known["tls_pins"] = known["tls_pins"][:1]
        key.write_text(json.dumps(known))
        arguments = ("agent", "start", "--key-file", key, "--state-dir", self.folder / f"agent-{name}")
        self.cell.agents[name] = e2e.Daemon(self.product, f"{name}.log", *arguments)
        self.cell.agents[name].start()
        return key

    def restart(self, **environment):
        self.api.close()
        self.cell.scheduler.kill()
        self.product.environment |= environment
        self.cell.scheduler.start()
        self.eventually("the API", lambda: self.api.try_get("/v1/info"))

    def test_1_the_next_key_is_known_before_it_is_shown(self):
        shown, following = self.context_of()["tls_pin"].split(",")
        key = self.start_with_one_pin("faithful")
        self.eventually("the pins kept", lambda: json.loads(key.read_text())["tls_pins"] == [following, shown])
        (self.cell.state / "tls.next.key").rename(self.cell.state / "tls.key")
        self.restart()
        self.assertEqual(following, self.context_of()["tls_pin"].split(",")[0])
        self.eventually("the agent back", lambda: self.is_connected("faithful"))
        self.eventually("the old key forgotten", lambda: shown not in json.loads(key.read_text())["tls_pins"])

    def test_2_other_keys_are_announced_up_to_what_agents_keep(self):
        more = [f"sha256:{digit * 64}" for digit in "123"]
        config = self.folder / "stint.toml"
        config.write_text(f'[tls]\nnext_pins = "{", ".join(more)}"\n')
        config.chmod(0o644)
        elsewhere = ("--state-dir", self.folder / "other", "--listen", "127.0.0.1:0")
        refused = self.product.command("scheduler", "start", *elsewhere, STINT_CONFIG=str(config))
        self.assertEqual(125, refused.returncode)
        self.assertIn("next_pins: 3 pins; agents keep 4, and this cell has 2 of its own", refused.stderr)
        config.write_text(f'[tls]\nnext_pins = "{", ".join(more[:2])}"\n')
        self.restart(STINT_CONFIG=str(config))
        key = self.start_with_one_pin("informed")
        self.eventually("four pins kept", lambda: len(json.loads(key.read_text())["tls_pins"]) == 4)


class Insecure(TlsCell):
    SCHEDULER_OPTIONS = ("--insecure-plaintext",)

    def test_it_serves_both_and_says_so(self):
        self.assertIn("everybody on the way can read", self.log_of("scheduler"))
        host, port, token = self.context()
        self.assertTrue(self.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 "))
        pin = self.context_of()["tls_pin"]
        done = self.product.command("agent", "list", "--server", f"https://{host}:{port}", "--cell-pin", pin, STINT_TOKEN=token)
        self.assertEqual(0, done.returncode, done.stderr)
        self.cell.add_agent("loud", "--insecure-plaintext")
        self.cell.add_agent("quiet")
        self.cell.wait_for_agents(self.api)


class OwnCertificate(TlsCell):
    """Certificates as a company's authority makes them, and clients that must show one."""

    @classmethod
    def boot(cls):
        pki = cls.folder / "pki"
        pki.mkdir()

        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=pki)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        authority = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=authority", "-days", 2)
        for name in ("cell", "client"):
            names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{own_network.ADDRESS}")
            openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", *names)
            openssl("x509", "-req", *authority, "-in", f"{name}.csr", "-out", f"{name}.crt", "-copy_extensions", "copy", "-days", 2)
        e2e.accept.give_to_ordinary_user(pki)
        cls.pki = pki
        cls.product.environment |= {"STINT_CLIENT_CERT": str(pki / "client.crt"), "STINT_CLIENT_KEY": str(pki / "client.key")}
        options = ("--tls-certificate", pki / "cell.crt", "--tls-key", pki / "cell.key", "--tls-client-ca", pki / "ca.crt")
        cls.cell = e2e.Cell(cls.product, host=own_network.ADDRESS, options=options)
        cls.api = cls.cell.start(client=(pki / "client.crt", pki / "client.key"), authority=pki / "ca.crt")

    def test_the_authority_is_enough_and_clients_show_theirs(self):
        host, port, token = self.context()
        url = f"https://{host}:{port}"
        arguments = ("agent", "list", "--server", url, "--ca-file", self.pki / "ca.crt")
        done = self.product.command(*arguments, STINT_TOKEN=token)
        self.assertEqual(0, done.returncode, done.stderr)
        bare = self.product.command(*arguments, STINT_TOKEN=token, STINT_CLIENT_CERT="", STINT_CLIENT_KEY="")
        self.assertEqual(125, bare.returncode)
        self.assertIn("asks for a client certificate", bare.stderr)
        self.cell.add_agent("shown")
        self.cell.wait_for_agents(self.api)


if __name__ == "__main__":
    try:
        own_network.enter_namespace()
    except own_network.Unavailable as missing:
        print(f"no network of its own: {missing}", file=sys.stderr)
        sys.exit(e2e.ALL_SKIPPED)
    e2e.main()
