#include "apps/stint-conform/report.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>

namespace stint::conform {
namespace {

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed: return "pass";
    case Verdict::failed: return "FAIL";
    case Verdict::skipped: return "skip";
  }
  return "?";
}

boost::json::object to_json(const Outcome& outcome) {
  boost::json::object object;
  object["id"] = outcome.id;
  object["title"] = outcome.title;
  object["sentence"] = outcome.sentence;
  object["verdict"] = outcome.verdict == Verdict::passed ? "pass" : outcome.verdict == Verdict::failed ? "fail" : "skip";
  if (outcome.verdict == Verdict::failed) {
    object["expected"] = outcome.expected;
    object["seen"] = outcome.seen;
  }
  if (outcome.verdict == Verdict::skipped) object["needs"] = outcome.seen;
  object["took_ms"] = to_ms(outcome.took);
  return object;
}

}  // namespace

std::size_t Summary::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::count_if(outcomes.begin(), outcomes.end(), [&](const auto& o) { return o.verdict == verdict; }));
}

int Summary::exit_status() const {
  constexpr int kOnlySkipped = 77;
  if (count(Verdict::failed) > 0) return 1;
  return count(Verdict::passed) > 0 ? 0 : kOnlySkipped;
}

Progress::Progress(std::size_t total) : total_(total), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::on_outcome(const Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  ++done_;
  if (outcome.verdict == Verdict::failed) ++failed_;
  if (is_terminal_)
    std::fprintf(stderr, "\r\033[K%zu/%zu, %zu failed: %s %s", done_, total_, failed_, outcome.id.c_str(), outcome.title.c_str());
}

void Progress::end() {
  if (is_terminal_) std::fputs("\r\033[K", stderr);
}

void print_table(const Summary& summary, std::FILE* out) {
  std::size_t width = 0;
  for (const auto& outcome : summary.outcomes) width = std::max(width, outcome.title.size());
  for (const auto& outcome : summary.outcomes) {
    std::fprintf(out, "%-7s %s  %-*s %6lld ms\n", outcome.id.c_str(), to_string(outcome.verdict), static_cast<int>(width),
                 outcome.title.c_str(), static_cast<long long>(to_ms(outcome.took)));
    if (outcome.verdict == Verdict::failed) {
      std::fprintf(out, "          rule      %s\n          expected  %s\n          seen      %s\n", outcome.sentence.c_str(),
                   outcome.expected.c_str(), outcome.seen.c_str());
    }
    if (outcome.verdict == Verdict::skipped) std::fprintf(out, "          needs     %s\n", outcome.seen.c_str());
  }
  std::fprintf(out, "\n%s %s: %zu passed, %zu failed, %zu skipped in %.1f s\n", summary.side.c_str(), summary.subject.c_str(),
               summary.count(Verdict::passed), summary.count(Verdict::failed), summary.count(Verdict::skipped),
               static_cast<double>(to_ms(summary.took)) / 1000);
}

void print_json(const Summary& summary, std::FILE* out) {
  boost::json::object object;
  object["schema"] = "stint.conform/1";
  object["version"] = STINT_VERSION;
  object["side"] = summary.side;
  object["subject"] = summary.subject;
  object["cases"] = summary.outcomes.size();
  object["passed"] = summary.count(Verdict::passed);
  object["failed"] = summary.count(Verdict::failed);
  object["skipped"] = summary.count(Verdict::skipped);
  object["took_ms"] = to_ms(summary.took);
  boost::json::array items;
  for (const auto& outcome : summary.outcomes) items.push_back(to_json(outcome));
  object["items"] = std::move(items);
  std::fprintf(out, "%s\n", boost::json::serialize(object).c_str());
}

}  // namespace stint::conform
