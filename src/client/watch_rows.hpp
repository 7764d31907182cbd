#pragma once

#include <cstddef>
#include <string>

#include "client/styled.hpp"
#include "client/watch_state.hpp"

/// One row of each list of the watch screen.
namespace stint::client {

[[nodiscard]] Style style_of(TaskStatus state);
[[nodiscard]] StyledLine job_row(const JobView& job, const RateMeter* meter, std::size_t columns);
[[nodiscard]] StyledLine task_row(const TaskView& task, UnixMillis now, std::size_t columns);
[[nodiscard]] StyledLine agent_row(const AgentView& agent, std::size_t columns);
/// `loss  ▇▅▃▂▁  0.21  0.2..2.3`
[[nodiscard]] StyledLine curve_row(const std::string& name, std::size_t name_width, const std::vector<double>& values,
                                   const std::string& now, std::size_t columns, Charset charset);
/// A bar of blocks: what is done of it, in colour.
void add_bar(StyledLine& line, double fraction, std::size_t width, Style style);
/// How long it has run, runs, or until it is tried again; `-` if it never began.
[[nodiscard]] std::string show_running_time(const TaskView& task, UnixMillis now);
/// `63 %, loss 0.21, epoch 3`: what the task said of itself last.
[[nodiscard]] std::string show_report(const TaskView& task);
/// The same without the share, where a bar shows it.
[[nodiscard]] std::string show_said(const TaskView& task);

}  // namespace stint::client
