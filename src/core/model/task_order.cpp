#include "core/model/task_order.hpp"

#include <algorithm>
#include <map>
#include <queue>
#include <string_view>

#include "base/assert.hpp"
#include "core/model/similar_word.hpp"

namespace stint::core {
namespace {

using Position = std::uint32_t;
using Edges = std::vector<std::vector<Position>>;

Result<std::map<std::string_view, Position>> index_names(const std::vector<TaskSpec>& tasks) {
  std::map<std::string_view, Position> positions;
  for (Position i = 0; i < tasks.size(); ++i) {
    if (!positions.emplace(tasks[i].name, i).second)
      return fail(Errc::invalid_argument, "tasks: two are named \"" + tasks[i].name + "\"; names are unique in a job");
  }
  return positions;
}

Result<Edges> resolve(const std::vector<TaskSpec>& tasks, const std::vector<std::vector<std::string>>& needs) {
  STINT_TRY(const auto positions, index_names(tasks));
  std::vector<std::string_view> names;
  for (const auto& [name, position] : positions) names.push_back(name);
  Edges edges(tasks.size());
  for (Position i = 0; i < tasks.size(); ++i) {
    for (const std::string& name : needs[i]) {
      const auto found = positions.find(name);
      if (found == positions.end())
        return fail(Errc::invalid_argument,
                    "tasks." + tasks[i].name + ".needs: no task is named \"" + name + "\"" + suggestion(name, names));
      edges[i].push_back(found->second);
    }
    std::sort(edges[i].begin(), edges[i].end());
    edges[i].erase(std::unique(edges[i].begin(), edges[i].end()), edges[i].end());
  }
  return edges;
}

/// Kahn's algorithm; of all tasks that could come next the one written first does.
std::vector<Position> order_of(const Edges& edges) {
  Edges dependants(edges.size());
  std::vector<std::size_t> open(edges.size());
  std::priority_queue<Position, std::vector<Position>, std::greater<>> ready;
  for (Position i = 0; i < edges.size(); ++i) {
    open[i] = edges[i].size();
    for (const Position need : edges[i]) dependants[need].push_back(i);
    if (open[i] == 0) ready.push(i);
  }
  std::vector<Position> order;
  while (!ready.empty()) {
    const Position next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const Position dependant : dependants[next])
      if (--open[dependant] == 0) ready.push(dependant);
  }
  return order;
}

/// `a -> b -> a`: what is left unordered always contains a circle, found by following any open need.
std::string describe_circle(const std::vector<TaskSpec>& tasks, const Edges& edges, const std::vector<Position>& order) {
  std::vector<bool> done(tasks.size());
  for (const Position position : order) done[position] = true;
  const auto is_open = [&](Position position) { return !done[position]; };
  std::vector<Position> trail;
  Position at = 0;
  while (done[at]) ++at;
  while (std::find(trail.begin(), trail.end(), at) == trail.end()) {
    trail.push_back(at);
    at = *std::find_if(edges[at].begin(), edges[at].end(), is_open);
  }
  std::string text;
  for (auto it = std::find(trail.begin(), trail.end(), at); it != trail.end(); ++it) text += tasks[*it].name + " -> ";
  return text + tasks[at].name;
}

}  // namespace

Status link_needs(std::vector<TaskSpec>& tasks, const std::vector<std::vector<std::string>>& needs) {
  STINT_ASSERT(tasks.size() == needs.size());
  STINT_TRY(const Edges edges, resolve(tasks, needs));
  const std::vector<Position> order = order_of(edges);
  if (order.size() < tasks.size())
    return fail(Errc::invalid_argument, "tasks: needs go in a circle: " + describe_circle(tasks, edges, order));

  std::vector<Position> place(tasks.size());
  for (Position i = 0; i < order.size(); ++i) place[order[i]] = i;
  std::vector<TaskSpec> ordered;
  ordered.reserve(tasks.size());
  for (const Position position : order) {
    TaskSpec& task = ordered.emplace_back(std::move(tasks[position]));
    task.needs.clear();
    for (const Position need : edges[position]) task.needs.push_back(place[need]);
    std::sort(task.needs.begin(), task.needs.end());
  }
  tasks = std::move(ordered);
  return {};
}

}  // namespace stint::core
