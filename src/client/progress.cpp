#include "client/progress.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "client/text.hpp"

namespace stint::client {
namespace {

constexpr Duration kWindow = std::chrono::seconds{30};
constexpr Duration kShortest = std::chrono::seconds{1};
constexpr std::uint64_t kEndedMin = 8;       // fewer say little about the rate
constexpr std::size_t kSamplesMax = 1200;    // then every second one goes: at one a second the last ten minutes at least

double fraction_of(const TaskCounts& tasks) {
  return tasks.total() == 0 ? 0 : static_cast<double>(tasks.ended()) / static_cast<double>(tasks.total());
}

}  // namespace

std::string show_standing(const TaskCounts& tasks) {
  std::string text = std::to_string(tasks.completed) + "/" + std::to_string(tasks.total());
  if (tasks.running > 0) text += " · " + std::to_string(tasks.running) + " running";
  if (tasks.failed > 0) text += " · " + std::to_string(tasks.failed) + " failed";
  if (tasks.cancelled > 0) text += " · " + std::to_string(tasks.cancelled) + " cancelled";
  return text;
}

std::string show_rate(double per_second) {
  const auto [amount, unit] = per_second >= 1     ? std::pair{per_second, "/s"}
                              : per_second >= 0.1 ? std::pair{per_second * 60, "/min"}
                                                  : std::pair{per_second * 3600, "/h"};
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), amount < 10 ? "%.1f" : "%.0f", amount);
  return std::string(number.data()) + unit;
}

namespace {

std::string rate_text(const JobView& job, const RateMeter& meter) {
  const auto rate = meter.per_second();
  if (!rate || *rate <= 0) return {};
  std::string text = " · " + show_rate(*rate);
  const std::uint64_t open = job.tasks.total() - job.tasks.ended();
  if (const auto left = meter.time_left(open); left && open > 0) text += " · " + show_duration(*left) + " left";
  return text;
}

std::string bar_line(const std::string& name, std::size_t name_width, const TaskCounts& tasks, const std::string& more, std::size_t width) {
  const std::string label = name + std::string(name_width - display_width(name), ' ');
  const std::string numbers = show_standing(tasks) + more;
  const std::size_t taken = display_width(label) + display_width(numbers) + 4;
  constexpr std::size_t kBarMin = 8, kBarMax = 40;
  const std::size_t bar = width > taken + kBarMin ? std::min(kBarMax, width - taken) : 0;
  return shorten(label + "  " + (bar > 0 ? show_bar(fraction_of(tasks), bar) + "  " : "") + numbers, width);
}

}  // namespace

void RateMeter::add(std::uint64_t ended, Instant now, std::uint64_t running) {
  running_ = running;
  if (ended == 0 && running == 0) samples_.clear();  // it has not begun: waiting is no slowness
  // Between two looks at most one moment a second is kept, but always the newest.
  if (samples_.size() > 2 && now - samples_[samples_.size() - 2].at < kShortest) samples_.pop_back();
  samples_.push_back({now, ended});
  if (samples_.size() <= kSamplesMax) return;
  std::deque<Sample> kept;
  for (std::size_t i = samples_.size() % 2 == 0 ? 1 : 0; i < samples_.size(); i += 2) kept.push_back(samples_[i]);
  samples_ = std::move(kept);
}

std::optional<double> RateMeter::per_second() const {
  if (samples_.size() < 2) return std::nullopt;
  const Sample& last = samples_.back();
  const std::uint64_t wanted = std::max(kEndedMin, running_ * 2);
  std::size_t from = samples_.size() - 1;
  const auto is_enough = [&](const Sample& sample) {
    return last.at - sample.at >= kWindow && last.ended >= sample.ended && last.ended - sample.ended >= wanted;
  };
  while (from > 0 && !is_enough(samples_[from])) --from;
  // From the end of a burst on, not from its eve: else one burst too many is counted.
  while (from > 0 && samples_[from - 1].ended == samples_[from].ended) --from;
  const Sample& first = samples_[from];
  if (last.at - first.at < kShortest || last.ended < first.ended) return std::nullopt;
  return static_cast<double>(last.ended - first.ended) / std::chrono::duration<double>(last.at - first.at).count();
}

std::vector<double> RateMeter::history() const {
  std::vector<double> rates;
  for (std::size_t i = 1; i < samples_.size(); ++i) {
    const double seconds = std::chrono::duration<double>(samples_[i].at - samples_[i - 1].at).count();
    const bool is_sane = seconds > 0 && samples_[i].ended >= samples_[i - 1].ended;
    if (is_sane) rates.push_back(static_cast<double>(samples_[i].ended - samples_[i - 1].ended) / seconds);
  }
  return rates;
}

std::optional<Duration> RateMeter::time_left(std::uint64_t open) const {
  const auto rate = per_second();
  if (!rate || *rate <= 0) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(static_cast<double>(open) / *rate));
}

std::vector<std::string> show_progress(const JobView& job, const RateMeter& meter, const std::string& blocked, std::size_t width) {
  const std::string title = "job " + std::to_string(job.id);
  std::size_t name_width = job.groups.size() == 1 ? 0 : display_width(title);
  for (const GroupView& group : job.groups) name_width = std::max(name_width, display_width(group.name));

  std::vector<std::string> lines;
  const std::string rate = rate_text(job, meter);
  for (const GroupView& group : job.groups)
    lines.push_back(bar_line(group.name, name_width, group.tasks, job.groups.size() == 1 ? rate : "", width));
  if (job.groups.size() != 1) lines.push_back(bar_line(title, name_width, job.tasks, rate, width));
  if (!blocked.empty()) lines.push_back(shorten(blocked, width));
  return lines;
}

std::string show_counts(const JobView& job, const RateMeter& meter) {
  const TaskCounts& tasks = job.tasks;
  std::string text = "job " + std::to_string(job.id) + ": " + std::to_string(tasks.running) + " running, " +
                     std::to_string(tasks.completed) + " of " + std::to_string(tasks.total()) + " completed";
  if (tasks.failed > 0) text += ", " + std::to_string(tasks.failed) + " failed";
  if (tasks.cancelled > 0) text += ", " + std::to_string(tasks.cancelled) + " cancelled";
  const auto rate = meter.per_second();
  const std::uint64_t open = tasks.total() - tasks.ended();
  if (tasks.total() > 1 && open > 0 && rate && *rate > 0)
    text += ", " + show_rate(*rate) + ", " + show_duration(*meter.time_left(open)) + " left";
  return text;
}

std::string show_outcome(const JobView& job) {
  const TaskCounts& tasks = job.tasks;
  std::string text = "job " + std::to_string(job.id) + " " + printable(job.name) + ": " + std::string(to_string(job.state)) + ", " +
                     std::to_string(tasks.completed) + " of " + std::to_string(tasks.total()) +
                     (tasks.total() == 1 ? " task completed" : " tasks completed");
  if (tasks.failed > 0) text += ", " + std::to_string(tasks.failed) + " failed";
  if (tasks.cancelled > 0) text += ", " + std::to_string(tasks.cancelled) + " cancelled";
  return text;
}

}  // namespace stint::client
