"""A cable between two machines that loses, delays, reorders and throttles packets, forgets connections and answers them with resets.

Two TAP devices, one in each machine's network namespace, and a thread of this process that carries Ethernet frames between them. netem does
a part of this, where the kernel has it; the rest (a NAT that forgets, a reset in the middle of a frame, an answer that is lost) has to
look into the packets. They are real ones: both kernels retransmit, back off and give up as they do on a bad day.
"""

import contextlib
import dataclasses
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
FRAME_MAX = 65536
ETHERNET = struct.Struct("!6s6sH")
IPV4, TCP = 0x0800, 6
FIN, SYN, RST, ACK = 1, 2, 4, 16


def open_tap(name):
    """A TAP device in this thread's network namespace; it goes with the descriptor. It takes no offload: one packet, one frame."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TAP | IFF_NO_PI))
    except OSError:
        os.close(tap)
        raise
    return tap


@dataclasses.dataclass(frozen=True)
class Weather:
    """Of both directions alike. Jitter above the distance between two packets reorders them."""

    loss: float = 0  # of all IP packets
    delay: float = 0  # seconds
    jitter: float = 0  # seconds, more or less
    bits_per_second: float = 0  # 0: without limit
    queue_bytes: int = 32 << 10  # before the throttle; what finds it full is lost


@dataclasses.dataclass(frozen=True)
class Segment:
    """A TCP segment as a middlebox sees it. `flow` is the same in both directions: the machine's end first."""

    is_up: bool  # from the machine into the network
    flow: tuple
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes
    frame: bytes


def parse(frame, is_up):
    """The TCP segment in an Ethernet frame; None for anything else."""
    if len(frame) < 54 or ETHERNET.unpack_from(frame)[2] != IPV4 or frame[23] != TCP:
        return None
    at = 14 + 4 * (frame[14] & 15)
    end = 14 + struct.unpack_from("!H", frame, 16)[0]
    source, target, sequence, acknowledged, offset, flags = struct.unpack_from("!HHIIBB", frame, at)
    ends = (frame[26:30], source), (frame[30:34], target)
    payload = frame[at + 4 * (offset >> 4) : end]
    return Segment(is_up, ends if is_up else ends[::-1], sequence, acknowledged, flags, payload, frame)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def make_reset(segment, is_back):
    """What a firewall sends on behalf of the other end: RST to who sent the segment, or to who would have got it."""
    to, sender, kind = ETHERNET.unpack_from(segment.frame)
    source, target = segment.frame[26:30], segment.frame[30:34]
    at = 14 + 4 * (segment.frame[14] & 15)
    source_port, target_port = struct.unpack_from("!HH", segment.frame, at)
    sequence = segment.sequence
    if is_back:
        to, sender, source, target = sender, to, target, source
        source_port, target_port, sequence = target_port, source_port, segment.acknowledged
    tcp = struct.pack("!HHIIBBHHH", source_port, target_port, sequence, 0, 5 << 4, RST, 0, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", checksum(source + target + struct.pack("!HH", TCP, len(tcp)) + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, TCP, 0, source, target)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ETHERNET.pack(to, sender, kind) + ip + tcp


class BadLine:
    """`taps`: the machine's end and the network's; closed with the object. Until it is told otherwise it is a good cable."""

    def __init__(self, taps, seed=1):
        self.taps, self.random, self.lock = taps, random.Random(seed), threading.Lock()
        self.weather, self.is_cut, self.idle_seconds = Weather(), False, None
        self.last_seen, self.forgotten, self.refused = {}, set(), set()
        self.censor = None
        self.carried_bytes, self.lost_packets, self.resets = 0, 0, 0
        self.free_at, self.waiting, self.count = [0.0, 0.0], [], 0
        self.stop_reader, self.stop_writer = os.pipe2(os.O_CLOEXEC)
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def close(self):
        os.write(self.stop_writer, b".")
        self.thread.join()
        for descriptor in (*self.taps, self.stop_reader, self.stop_writer):
            os.close(descriptor)

    # What it does from now on.

    def set_weather(self, **weather):
        with self.lock:
            self.weather = Weather(**weather)

    def cut(self):
        """Nothing passes, and nobody is told; what is on its way is lost."""
        with self.lock:
            self.is_cut, self.waiting = True, []

    def heal(self):
        with self.lock:
            self.is_cut = False

    def forget_idle(self, seconds):
        """As a NAT does with mappings that were not used for so long: what comes later on that connection is dropped. None: no more."""
        with self.lock:
            self.idle_seconds = seconds

    def forget_all(self):
        """Drops all connections that there are, silently; new ones work."""
        with self.lock:
            self.forgotten |= set(self.last_seen)

    def reset_all(self):
        """Answers whatever comes on the connections that there are with a reset to both ends; new ones work."""
        with self.lock:
            self.refused |= set(self.last_seen)

    def set_censor(self, censor):
        """`censor(segment)` says of every TCP segment whether it is lost. Called by the line's thread. None: no more."""
        with self.lock:
            self.censor = censor

    @contextlib.contextmanager
    def in_weather(self, **weather):
        self.set_weather(**weather)
        try:
            yield self
        finally:
            self.set_weather()

    # The thread.

    def carry(self):
        while True:
            timeout = max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            ready, _, _ = select.select((*self.taps, self.stop_reader), (), (), timeout)
            if self.stop_reader in ready:
                return
            with self.lock:
                for number, tap in enumerate(self.taps):
                    if tap in ready:
                        self.take(tap, is_up=number == 0)
                self.hand_over()

    def take(self, tap, is_up):
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = os.read(tap, FRAME_MAX)
                now = time.monotonic()
                if self.lets_through(frame, is_up, now):
                    self.send_later(frame, is_up, now)
                else:
                    self.lost_packets += 1

    def lets_through(self, frame, is_up, now):
        if self.is_cut:
            return False
        segment = parse(frame, is_up)
        if segment is not None and not self.judge(segment, now):
            return False
        is_ip = ETHERNET.unpack_from(frame)[2] == IPV4  # an address that cannot be resolved is another test
        return not is_ip or self.random.random() >= self.weather.loss

    def judge(self, segment, now):
        flow = segment.flow
        if segment.flags & SYN and not segment.flags & ACK:  # ports come again
            self.forgotten.discard(flow)
            self.refused.discard(flow)
        elif self.idle_seconds is not None and now - self.last_seen.get(flow, now) > self.idle_seconds:
            self.forgotten.add(flow)
        self.last_seen[flow] = now
        if flow in self.refused:
            if not segment.flags & RST:
                self.refuse(segment)
            return False
        return flow not in self.forgotten and not (self.censor is not None and self.censor(segment))

    def refuse(self, segment):
        self.resets += 1
        for is_back in (False, True):
            self.write(make_reset(segment, is_back), segment.is_up != is_back)

    def send_later(self, frame, is_up, now):
        weather, due = self.weather, now
        if weather.bits_per_second:
            begin = max(now, self.free_at[is_up])
            if (begin - now) * weather.bits_per_second / 8 > weather.queue_bytes:
                self.lost_packets += 1
                return
            due = self.free_at[is_up] = begin + 8 * len(frame) / weather.bits_per_second
        due += max(0.0, weather.delay + self.random.uniform(-weather.jitter, weather.jitter))
        self.count += 1
        heapq.heappush(self.waiting, (due, self.count, frame, is_up))

    def hand_over(self):
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] <= now:
            _, _, frame, is_up = heapq.heappop(self.waiting)
            self.write(frame, is_up)

    def write(self, frame, is_up):
        self.carried_bytes += len(frame)
        with contextlib.suppress(OSError):  # the machine's device is down
            os.write(self.taps[1 if is_up else 0], frame)
