#include "client/progress.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "client/text.hpp"

namespace stint::client {
namespace {

constexpr Duration kWindow = std::chrono::seconds{30};
constexpr Duration kShortest = std::chrono::seconds{1};

double fraction_of(const TaskCounts& tasks) {
  return tasks.total() == 0 ? 0 : static_cast<double>(tasks.ended()) / static_cast<double>(tasks.total());
}

std::string counts_text(const TaskCounts& tasks) {
  std::string text = std::to_string(tasks.completed) + "/" + std::to_string(tasks.total());
  if (tasks.running > 0) text += " · " + std::to_string(tasks.running) + " running";
  if (tasks.failed > 0) text += " · " + std::to_string(tasks.failed) + " failed";
  if (tasks.cancelled > 0) text += " · " + std::to_string(tasks.cancelled) + " cancelled";
  return text;
}

std::string rate_text(const JobView& job, const RateMeter& meter) {
  const auto rate = meter.per_second();
  if (!rate || *rate <= 0) return {};
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), *rate < 10 ? " · %.1f/s" : " · %.0f/s", *rate);
  std::string text = number.data();
  const std::uint64_t open = job.tasks.total() - job.tasks.ended();
  if (const auto left = meter.time_left(open); left && open > 0) text += " · " + show_duration(*left) + " left";
  return text;
}

std::string bar_line(const std::string& name, std::size_t name_width, const TaskCounts& tasks, const std::string& more, std::size_t width) {
  const std::string label = name + std::string(name_width - display_width(name), ' ');
  const std::string numbers = counts_text(tasks) + more;
  const std::size_t taken = display_width(label) + display_width(numbers) + 4;
  constexpr std::size_t kBarMin = 8, kBarMax = 40;
  const std::size_t bar = width > taken + kBarMin ? std::min(kBarMax, width - taken) : 0;
  return shorten(label + "  " + (bar > 0 ? show_bar(fraction_of(tasks), bar) + "  " : "") + numbers, width);
}

}  // namespace

void RateMeter::add(std::uint64_t ended, Instant now) {
  samples_.push_back({now, ended});
  while (samples_.size() > 2 && now - samples_[1].at >= kWindow) samples_.pop_front();
}

std::optional<double> RateMeter::per_second() const {
  if (samples_.size() < 2) return std::nullopt;
  const Sample& first = samples_.front();
  const Sample& last = samples_.back();
  if (last.at - first.at < kShortest || last.ended < first.ended) return std::nullopt;
  return static_cast<double>(last.ended - first.ended) / std::chrono::duration<double>(last.at - first.at).count();
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

std::string show_counts(const JobView& job) {
  const TaskCounts& tasks = job.tasks;
  std::string text = "job " + std::to_string(job.id) + ": " + std::to_string(tasks.running) + " running, " +
                     std::to_string(tasks.completed) + " of " + std::to_string(tasks.total()) + " completed";
  if (tasks.failed > 0) text += ", " + std::to_string(tasks.failed) + " failed";
  if (tasks.cancelled > 0) text += ", " + std::to_string(tasks.cancelled) + " cancelled";
  return text;
}

}  // namespace stint::client
