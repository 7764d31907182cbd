#!/usr/bin/env python3
"""Checks that the pure libraries ask the operating system for nothing: no clock, socket, file, thread or random device.

usage: tools/check_symbols.py BUILD_DIR      looks at lib{core,wire,...}.a below BUILD_DIR/src
       tools/check_symbols.py --self-test    compiles an offender of each kind and expects every one to be found

Reads the undefined symbols of every member of an archive (nm -u -C). Includes can be checked by eye; what a template or an
inline function of a header drags in cannot, and this sees it. Memory, strings and the assertion's message on stderr are allowed.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PURE = ["hash", "core", "core_model", "wire", "protocol", "proof", "scheduler", "agent", "client"]

# What it is -> the C functions (with or without a 64 or _chk ending) and the demangled C++ names that reach it.
DENIED = {
    "clock": (
        "clock_gettime clock_getres clock gettimeofday time ftime times timespec_get localtime localtime_r",
        r"std::chrono::_V2::\w+_clock::now",
    ),
    "sleep": ("sleep usleep nanosleep clock_nanosleep alarm setitimer timer_create timerfd_create", r"std::this_thread::"),
    "socket": (
        "socket socketpair bind listen accept accept4 connect send sendto sendmsg recv recvfrom recvmsg shutdown "
        "getaddrinfo gethostbyname poll ppoll select pselect epoll_create1 epoll_ctl epoll_wait",
        r"boost::asio::|boost::beast::",
    ),
    "file": (
        "open openat creat fopen fdopen freopen read pread readv write pwrite writev close unlink rename mkdir mkdtemp mkstemp opendir "
        "readdir stat fstat lstat fstatat fsync fdatasync ftruncate mmap ioctl fcntl pipe pipe2 dup dup2",
        r"std::basic_(file|filebuf|ifstream|ofstream|fstream)|std::filesystem::",
    ),
    "process": (
        "fork vfork execve execvp execv posix_spawn posix_spawnp waitpid wait4 kill system popen signal sigaction getpid getenv setenv",
        None,
    ),
    "thread": (
        "pthread_create pthread_join pthread_mutex_lock pthread_cond_wait pthread_cond_signal sem_wait futex",
        r"std::(thread|condition_variable|jthread)\b|std::__future_base|std::__atomic_wait",
    ),
    "random": (
        "rand rand_r srand random srandom drand48 getrandom getentropy arc4random RAND_bytes RAND_priv_bytes RAND_seed",
        r"std::random_device",
    ),
}
ALIASES = re.compile(r"^(?:__)?(\w+?)(?:64)?(?:_2|_chk)?(?:@.*)?$")  # open64, __read_chk, __open_2, clock_gettime@GLIBC_2.17

# One offender per kind: must compile to an undefined symbol that is denied.
OFFENDERS = {
    "clock": "#include <chrono>\nlong f() { return std::chrono::steady_clock::now().time_since_epoch().count(); }",
    "sleep": "#include <thread>\n#include <chrono>\nvoid f() { std::this_thread::sleep_for(std::chrono::seconds(1)); }",
    "socket": "#include <sys/socket.h>\nint f() { return socket(1, 1, 0); }",
    "file": "#include <fstream>\nbool f() { std::ifstream in(\"x\"); return in.good(); }",
    "process": "#include <unistd.h>\nint f() { return fork(); }",
    "thread": "#include <thread>\nvoid f() { std::thread([] {}).join(); }",
    "random": "#include <random>\nunsigned f() { return std::random_device{}(); }",
}
INNOCENT = (
    "#include <string>\n#include <map>\n#include <vector>\n#include <cstdio>\n#include <chrono>\n#include <stdexcept>\n"
    "struct Reader { void read(); void open(); void time(); };\n"
    "std::string f(std::map<int, std::string>& m, Reader& r) {\n"
    "  r.read(); r.open(); r.time(); std::fprintf(stderr, \"x\"); return m[1] + \"y\";\n}"
)


def kind_of(symbol):
    """Which kind of denied thing `symbol` (demangled) reaches, or None."""
    match = ALIASES.match(symbol)
    plain = match.group(1) if match else None
    for kind, (functions, pattern) in DENIED.items():
        if plain in functions.split() or (pattern and re.search(pattern, symbol.split("(")[0])):
            return kind
    return None


def undefined_symbols(archive):
    """Yields (member, demangled symbol)."""
    listing = subprocess.run(["nm", "-u", "-C", str(archive)], check=True, capture_output=True, text=True).stdout
    member = archive.name
    for line in listing.splitlines():
        if line.endswith(":"):
            member = line[:-1]
        elif line.strip().startswith(("U ", "w ")):
            yield member, line.strip()[2:].strip()


def check_archive(archive):
    for member, symbol in undefined_symbols(archive):
        kind = kind_of(symbol)
        if kind:
            yield kind, f"{archive.name}({member}): uses a {kind}: {symbol}"


def check_build(build):
    """Returns (names of the libraries seen, findings)."""
    seen, findings = [], []
    for name in PURE:
        for archive in sorted(pathlib.Path(build, "src").rglob(f"lib{name}.a")):
            seen.append(name)
            findings += [text for _, text in check_archive(archive)]
    return seen, findings


def compile_archive(stage, name, code, compiler):
    source = pathlib.Path(stage, f"{name}.cpp")
    source.write_text(code, encoding="utf-8")
    subprocess.run([compiler, "-std=c++20", "-O2", "-c", str(source), "-o", f"{stage}/{name}.o"], check=True)
    subprocess.run(["ar", "rc", f"{stage}/lib{name}.a", f"{stage}/{name}.o"], check=True)
    return pathlib.Path(stage, f"lib{name}.a")


def self_test(compiler):
    problems = []
    with tempfile.TemporaryDirectory() as stage:
        for kind, code in OFFENDERS.items():
            kinds = {found for found, _ in check_archive(compile_archive(stage, kind, code, compiler))}
            if kind not in kinds:
                problems.append(f"the planted {kind} was not found (found: {sorted(kinds) or 'nothing'})")
        innocent = [text for _, text in check_archive(compile_archive(stage, "innocent", INNOCENT, compiler))]
        problems += [f"innocent code, but: {text}" for text in innocent]
    return problems


def main():
    parser = argparse.ArgumentParser(description="Checks that the pure libraries ask the operating system for nothing.")
    parser.add_argument("build", nargs="?", help="a build folder, as build/release")
    parser.add_argument("--self-test", action="store_true", help="compile offenders and expect each to be found")
    options = parser.parse_args()
    if options.self_test:
        findings, done = self_test(shutil.which("g++") or "c++"), f"self-test: {len(OFFENDERS)} planted offenders found"
    elif options.build:
        seen, findings = check_build(options.build)
        if not seen:
            findings = [f"no pure library below {options.build}/src: build it first"]
        done = f"no denied symbol in {', '.join(seen)}"
    else:
        parser.error("a build folder or --self-test")
    for finding in findings:
        print(finding)
    if findings:
        print(f"check_symbols: {len(findings)} findings", file=sys.stderr)
        return 1
    print(f"check_symbols: {done}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
