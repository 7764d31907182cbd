#include "base/task_words.hpp"

#include <array>

namespace stint {
namespace {

constexpr std::array<std::string_view, kAgentTypes> kTypes{"trainer", "inferencer", "crawler", "labeller", "rater"};
constexpr std::array<std::string_view, 5> kStatuses{"pending", "running", "completed", "failed", "cancelled"};
constexpr std::array<std::string_view, 19> kReasons{"none",           "exit",         "signal",       "oom",
                                                    "timeout",        "lost",         "cancelled",    "superseded",
                                                    "refused",        "start_failed", "needs_failed", "result_too_large",
                                                    "max_fails",      "skipped",      "reused",       "preparation_failed",
                                                    "output_missing", "stage_failed", "recalled"};

template <class Enum, std::size_t N>
std::optional<Enum> parse_word(const std::array<std::string_view, N>& words, std::string_view word) {
  for (std::size_t i = 0; i < N; ++i)
    if (words[i] == word) return static_cast<Enum>(i);
  return std::nullopt;
}

template <class Enum, std::size_t N>
std::string_view word_of(const std::array<std::string_view, N>& words, Enum value) {
  const auto i = static_cast<std::size_t>(value);
  return i < N ? words[i] : "unknown";
}

}  // namespace

std::string_view to_string(AgentType type) { return word_of(kTypes, type); }
std::string_view to_string(TaskStatus status) { return word_of(kStatuses, status); }
std::string_view to_string(EndReason reason) { return word_of(kReasons, reason); }

std::optional<AgentType> parse_agent_type(std::string_view word) {
  return parse_word<AgentType>(kTypes, word == "labeler" ? "labeller" : word);
}
std::optional<TaskStatus> parse_task_status(std::string_view word) { return parse_word<TaskStatus>(kStatuses, word); }
std::optional<EndReason> parse_end_reason(std::string_view word) { return parse_word<EndReason>(kReasons, word); }

}  // namespace stint
