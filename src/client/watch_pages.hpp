#pragma once

#include <vector>

#include "client/styled.hpp"
#include "client/watch_layout.hpp"
#include "client/watch_state.hpp"

namespace stint::client {

/// The page that covers the lists: a task, its log, an explanation, an agent, the help. At most `size.rows` lines.
[[nodiscard]] std::vector<StyledLine> lay_out_page(const WatchData& data, const WatchState& state, ScreenSize size, Charset charset);

/// All that is known of an agent, as `stint agent show` and the watch screen say it.
[[nodiscard]] std::vector<StyledLine> agent_lines(const AgentView& agent, UnixMillis now);

/// Why something is not running, as `stint explain` and the watch screen say it.
[[nodiscard]] std::vector<std::string> explanation_lines(const Explanation& explanation);

}  // namespace stint::client
