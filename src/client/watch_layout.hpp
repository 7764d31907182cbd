#pragma once

#include <cstddef>
#include <vector>

#include "client/styled.hpp"
#include "client/watch_state.hpp"

namespace stint::client {

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// The whole screen: as many lines as it has rows, the last one the keys. Fits any size from 20 columns and 4 rows on; a smaller one
/// shows what there is room for.
[[nodiscard]] std::vector<StyledLine> lay_out(const WatchData& data, const WatchState& state, ScreenSize size, Charset charset);

/// Rows of each list of the overview: what a refresh has to fetch, and what a page of keys is.
struct PaneRows {
  std::size_t jobs = 0, tasks = 0, agents = 0, curves = 0;
  [[nodiscard]] std::size_t of(Pane pane) const { return pane == Pane::jobs ? jobs : pane == Pane::tasks ? tasks : agents; }
};
[[nodiscard]] PaneRows share_rows(const WatchData& data, const WatchState& state, ScreenSize size);

}  // namespace stint::client
