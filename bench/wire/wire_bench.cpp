// What a signed message costs beside the HMAC it cannot do without.
//
// Three things are timed over the same bytes: HMAC-SHA256 of header ‖ body with a keyed, reused context straight from libcrypto (the
// floor), build + MAC, and MAC check + verify + read. They take turns in short batches, so that a neighbour on the machine slows all
// three alike, and each round gives one ratio to the floor of that round; the median of the rounds is what is judged. Absolute times are
// printed, never judged.
//
// Processor time alone does not keep a busy machine out of the ratios: after another process had the core, the caches are filled again on
// our account, and a sender, who reads one buffer and writes another, fills twice what the floor does. So a whole round is shorter than a
// time slice, and a round in which the kernel took the core away is run again. Which rounds count depends on the kernel's number of
// switches alone, never on a time. What the kernel does not see, a neighbour beyond the virtual machine, comes and goes: each size gets its
// rounds in passes over all sizes, so that a bad moment has a share of everyone's rounds and not one size's majority.

#include "bench/wire/wire_bench.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/random.hpp"
#include "bench/allocations/allocation_count.hpp"
#include "bench/report/report.hpp"
#include "bench/wire/message_flow.hpp"

namespace stint::bench {
namespace {

namespace json = boost::json;

constexpr std::size_t kPasses = 15;
constexpr std::size_t kPassRounds = 7;
constexpr std::size_t kRounds = kPasses * kPassRounds;
constexpr std::size_t kPassTries = 4 * kPassRounds;  // where hardly any round is undisturbed, the last ones count as they are
constexpr double kBatchNs = 250e3;  // four of them, a round, are shorter than a time slice
constexpr int kCountedMessages = 100;

/// The floor: libcrypto itself, nothing of ours around it.
class ReferenceHmac {
 public:
  explicit ReferenceHmac(ByteView key) : mac_(EVP_MAC_fetch(nullptr, "HMAC", nullptr)), context_(EVP_MAC_CTX_new(mac_.get())) {
    std::array<char, 7> digest{"SHA256"};
    const std::array<OSSL_PARAM, 2> params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                                           OSSL_PARAM_construct_end()};
    STINT_ASSERT(EVP_MAC_init(context_.get(), key.data(), key.size(), params.data()) == 1);
  }

  std::uint64_t tag(ByteView message) {
    std::array<std::uint8_t, wire::kTagSize> out;
    std::size_t size = 0;
    EVP_MAC_init(context_.get(), nullptr, 0, nullptr);
    EVP_MAC_update(context_.get(), message.data(), message.size());
    EVP_MAC_final(context_.get(), out.data(), &size, out.size());
    return out[0] + size;
  }

 private:
  std::unique_ptr<EVP_MAC, decltype([](EVP_MAC* mac) { EVP_MAC_free(mac); })> mac_;
  std::unique_ptr<EVP_MAC_CTX, decltype([](EVP_MAC_CTX* context) { EVP_MAC_CTX_free(context); })> context_;
};

/// One row's work. Each function does it once and returns a number that must not be 0.
struct Work {
  std::string name;
  std::size_t frame_bytes = 0;
  std::function<std::uint64_t()> reference;
  std::function<std::uint64_t()> build;
  std::function<std::uint64_t()> read;
};

/// Processor time of this thread: the work is one thread's computation, and what a neighbour takes of the core is not its cost.
double thread_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double batch_ns(const std::function<std::uint64_t()>& once, std::size_t times) {
  std::uint64_t sum = 0;
  const double start = thread_ns();
  for (std::size_t i = 0; i < times; ++i) sum += once();
  const double end = thread_ns();
  STINT_ASSERT(sum >= times);
  return (end - start) / static_cast<double>(times);
}

/// Warms caches and grows every buffer to its final size.
void warm_up(const Work& work) {
  (void)batch_ns(work.build, 3);
  (void)batch_ns(work.read, 3);
  (void)batch_ns(work.reference, 3);
}

/// How many times fill a batch.
std::size_t calibrate(const Work& work) {
  warm_up(work);
  const double once = batch_ns(work.reference, 10);
  return std::max<std::size_t>(1, static_cast<std::size_t>(kBatchNs / once));
}

struct Allocations {
  double ours;
  double libcrypto;
};

Allocations allocations_of(const std::function<std::uint64_t()>& once) {
  (void)once();
  const std::uint64_t ours = allocations_here();
  const std::uint64_t libcrypto = allocations_in_libcrypto();
  for (int i = 0; i < kCountedMessages; ++i) (void)once();
  return {static_cast<double>(allocations_here() - ours) / kCountedMessages,
          static_cast<double>(allocations_in_libcrypto() - libcrypto) / kCountedMessages};
}

struct Measured {
  double reference_ns, build_ns, read_ns;
  double build_ratio, read_ratio;
  Allocations build, read;
};

/// How often the kernel has taken the core from this thread.
long preemptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

struct Round {
  double reference_ns, build_ns, read_ns;
  bool disturbed;
};

Round run_round(const Work& work, std::size_t times) {
  const long preempted = preemptions();
  // The floor is taken before and after, so that a drift within the round falls out.
  const double before = batch_ns(work.reference, times);
  const double build = batch_ns(work.build, times);
  const double read = batch_ns(work.read, times);
  const double after = batch_ns(work.reference, times);
  return {(before + after) / 2, build, read, preemptions() != preempted};
}

/// One pass over one size: so many more rounds.
void run_pass(const Work& work, std::size_t times, std::vector<Round>& rounds) {
  warm_up(work);
  const std::size_t enough = rounds.size() + kPassRounds;
  for (std::size_t tries = kPassTries; rounds.size() < enough; --tries) {
    const Round round = run_round(work, times);
    const bool every_try_counts = tries <= enough - rounds.size();
    if (!round.disturbed || every_try_counts) rounds.push_back(round);
  }
}

Measured summarize(const Work& work, const std::vector<Round>& rounds) {
  const auto median_of = [&](auto number) {
    std::vector<double> numbers;
    std::ranges::transform(rounds, std::back_inserter(numbers), number);
    return median(numbers);
  };
  return {.reference_ns = median_of([](const Round& r) { return r.reference_ns; }),
          .build_ns = median_of([](const Round& r) { return r.build_ns; }),
          .read_ns = median_of([](const Round& r) { return r.read_ns; }),
          .build_ratio = median_of([](const Round& r) { return r.build_ns / r.reference_ns; }),
          .read_ratio = median_of([](const Round& r) { return r.read_ns / r.reference_ns; }),
          .build = allocations_of(work.build),
          .read = allocations_of(work.read)};
}

/// The table of the text that Stint was conceived from, in ms: for the reader to compare, not a bar.
struct Conceived {
  std::string_view name;
  double serialize_ms, deserialize_ms;
};
constexpr std::array kConceived{Conceived{"1KB", 0.2, 0.1}, Conceived{"10KB", 0.5, 0.3}, Conceived{"100KB", 2.1, 1.4},
                                Conceived{"1MB", 15, 9}};

json::object to_row(const Work& work, const Measured& m, bool libcrypto_counted) {
  const auto libcrypto = [&](double count) { return libcrypto_counted ? json::value(count) : json::value(nullptr); };
  json::object row{{"payload", work.name},
                   {"frame_bytes", work.frame_bytes},
                   {"hmac_us", m.reference_ns / 1000},
                   {"build_mac_us", m.build_ns / 1000},
                   {"check_verify_read_us", m.read_ns / 1000},
                   {"build_mac_ratio", m.build_ratio},
                   {"check_verify_read_ratio", m.read_ratio},
                   {"build_allocations", m.build.ours},
                   {"read_allocations", m.read.ours},
                   {"build_libcrypto_allocations", libcrypto(m.build.libcrypto)},
                   {"read_libcrypto_allocations", libcrypto(m.read.libcrypto)},
                   {"seed_serialize_ms", nullptr},
                   {"seed_deserialize_ms", nullptr}};
  for (const auto& conceived : kConceived) {
    if (conceived.name != work.name) continue;
    row["seed_serialize_ms"] = conceived.serialize_ms;
    row["seed_deserialize_ms"] = conceived.deserialize_ms;
  }
  return row;
}

Bytes key_bytes() {
  Bytes key(32);
  Prng(1).fill(key);
  return key;
}

/// Everything a row needs, kept together so that the functions of its Work may refer to it.
class Bench {
 public:
  Bench() : key_(key_bytes()), reference_(key_), sender_(key_), receiver_(key_) {}

  Work bytes(std::string name, std::size_t size) {
    payload_.resize(size);
    Prng(2).fill(payload_);
    return work(std::move(name), [this] { return sender_.send_bytes(payload_); });
  }

  Work metrics(std::string name, std::size_t count) {
    return work(std::move(name), [this, count] { return sender_.send_metrics(count); });
  }

 private:
  template <class Send>
  Work work(std::string name, Send send) {
    const ByteView sent = send();
    received_.reserve(sent.size());
    std::copy(sent.begin(), sent.end(), received_.data());
    const ByteView frame{received_.data(), sent.size()};
    const ByteView authenticated = frame.first(frame.size() - wire::kTagSize);
    return {std::move(name), frame.size(), [this, authenticated] { return reference_.tag(authenticated); },
            [send] { return std::uint64_t{send().back()} + 1; }, [this, frame] { return receiver_.receive(frame); }};
  }

  Bytes key_;
  ReferenceHmac reference_;
  Sender sender_;
  Receiver receiver_;
  Bytes payload_;
  wire::AlignedBuffer received_;
};

struct Row {
  const char* name;
  std::size_t payload_bytes;
  double limit;  ///< of both ratios; 0: no bar
};
constexpr std::array kRows{Row{"64B", 64, 0}, Row{"1KB", 1024, 1.25}, Row{"10KB", 10 * 1024, 0}, Row{"100KB", 100 * 1024, 1.05},
                           Row{"1MB", 1024 * 1024, 1.05}};
constexpr std::size_t kMetrics = 1000;

/// A size under way. Each has buffers of its own, so that the sizes can take turns.
struct Turn {
  Bench bench;
  Work work;
  double limit = 0;
  bool has_bars = true;
  std::size_t times = 0;
  std::vector<Round> rounds;
};

void prepare(std::deque<Turn>& turns) {
  for (const auto& row : kRows) {
    Turn& turn = turns.emplace_back();
    turn.work = turn.bench.bytes(row.name, row.payload_bytes);
    turn.limit = row.limit;
  }
  Turn& metrics = turns.emplace_back();
  metrics.work = metrics.bench.metrics(std::to_string(kMetrics) + " metrics", kMetrics);
  metrics.has_bars = false;
  for (Turn& turn : turns) turn.times = calibrate(turn.work);
}

void add_bars(Report& report, const std::string& name, double limit, const Measured& m) {
  if (limit > 0) {
    report.bars.push_back({name + " build + MAC / HMAC", m.build_ratio, "<=", limit});
    report.bars.push_back({name + " check + verify + read / HMAC", m.read_ratio, "<=", limit});
  }
  report.bars.push_back({name + " allocations per message", m.build.ours + m.read.ours, "==", 0});
}

}  // namespace

int run_wire_bench(bool json, std::ostream& out) {
  const bool libcrypto_counted = count_libcrypto();
  Report report{.bench = "wire", .rounds = kRounds};
  report.notes = {
      {"method", "ratio to HMAC-SHA256 of the same header and body, keyed and reused context, within each round; median of the rounds"},
      {"message", "MessageEnvelope with one byte vector, LZ4 off; the last row is a StatusUpdate with metrics"},
      {"seed_columns", "the estimates Stint was conceived with, in milliseconds"}};
  if (!libcrypto_counted) report.skipped.emplace_back("libcrypto's allocations: it was in use before the benchmark began");

  std::deque<Turn> turns;
  prepare(turns);
  for (std::size_t pass = 0; pass < kPasses; ++pass) {
    for (Turn& turn : turns) run_pass(turn.work, turn.times, turn.rounds);
  }
  for (const Turn& turn : turns) {
    const Measured measured = summarize(turn.work, turn.rounds);
    report.rows.push_back(to_row(turn.work, measured, libcrypto_counted));
    if (turn.has_bars) add_bars(report, turn.work.name, turn.limit, measured);
  }
  return print(report, json, out);
}

}  // namespace stint::bench
