#include "core/model/task_order.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <string_view>

#include "base/assert.hpp"
#include "core/model/similar_word.hpp"

namespace stint::core {
namespace {

using Position = std::uint32_t;
/// What one task refers to, by positions as written.
struct Refs {
  std::vector<Need> needs;
  std::optional<Position> items_from;
};
using Edges = std::vector<Refs>;

Result<std::map<std::string_view, Position>> index_names(const std::vector<TaskSpec>& tasks) {
  std::map<std::string_view, Position> positions;
  for (Position i = 0; i < tasks.size(); ++i) {
    if (!positions.emplace(tasks[i].name, i).second)
      return fail(Errc::invalid_argument, "tasks: two are named \"" + tasks[i].name + "\"; names are unique in a job");
  }
  return positions;
}

Result<Position> find_position(const std::map<std::string_view, Position>& positions, const std::string& name, const std::string& where) {
  if (const auto found = positions.find(name); found != positions.end()) return found->second;
  std::vector<std::string_view> names;
  for (const auto& [known, position] : positions) names.push_back(known);
  return fail(Errc::invalid_argument, where + ": no task is named \"" + name + "\"" + suggestion(name, names));
}

/// Sorted by group; the same need may be written twice, but not with two conditions.
Status add_need(std::vector<Need>& needs, const Need& need, const TaskSpec& task, const std::string& name) {
  const auto at = std::find_if(needs.begin(), needs.end(), [&](const Need& other) { return other.group == need.group; });
  if (at == needs.end()) {
    needs.insert(std::upper_bound(needs.begin(), needs.end(), need), need);
    return {};
  }
  if (at->on == need.on) return {};
  return fail(Errc::invalid_argument, "tasks." + task.name + ".needs: \"" + name + "\" is there twice, with different conditions");
}

Result<Edges> resolve(const std::vector<TaskSpec>& tasks, const std::vector<WrittenRefs>& refs) {
  STINT_TRY(const auto positions, index_names(tasks));
  Edges edges(tasks.size());
  for (Position i = 0; i < tasks.size(); ++i) {
    for (const NamedNeed& need : refs[i].needs) {
      STINT_TRY(const Position position, find_position(positions, need.name, "tasks." + tasks[i].name + ".needs"));
      STINT_TRY_VOID(add_need(edges[i].needs, {position, need.on}, tasks[i], need.name));
    }
    if (refs[i].items_from.empty()) continue;
    STINT_TRY(edges[i].items_from, find_position(positions, refs[i].items_from, "tasks." + tasks[i].name + ".each.from"));
    const Position from = *edges[i].items_from;
    const auto is_from = [&](const Need& need) { return need.group == from; };
    if (std::none_of(edges[i].needs.begin(), edges[i].needs.end(), is_from))
      STINT_TRY_VOID(add_need(edges[i].needs, {from, NeedOn::success}, tasks[i], refs[i].items_from));
  }
  return edges;
}

/// Kahn's algorithm; of all tasks that could come next the one written first does.
std::vector<Position> order_of(const Edges& edges) {
  std::vector<std::vector<Position>> dependants(edges.size());
  std::vector<std::size_t> open(edges.size());
  std::priority_queue<Position, std::vector<Position>, std::greater<>> ready;
  for (Position i = 0; i < edges.size(); ++i) {
    open[i] = edges[i].needs.size();
    for (const Need& need : edges[i].needs) dependants[need.group].push_back(i);
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
  const auto is_open = [&](const Need& need) { return !done[need.group]; };
  std::vector<Position> trail;
  Position at = 0;
  while (done[at]) ++at;
  while (std::find(trail.begin(), trail.end(), at) == trail.end()) {
    trail.push_back(at);
    at = std::find_if(edges[at].needs.begin(), edges[at].needs.end(), is_open)->group;
  }
  std::string text;
  for (auto it = std::find(trail.begin(), trail.end(), at); it != trail.end(); ++it) text += tasks[*it].name + " -> ";
  return text + tasks[at].name;
}

}  // namespace

Status link_needs(std::vector<TaskSpec>& tasks, const std::vector<WrittenRefs>& refs) {
  STINT_ASSERT(tasks.size() == refs.size());
  STINT_TRY(const Edges edges, resolve(tasks, refs));
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
    for (const Need& need : edges[position].needs) task.needs.push_back({place[need.group], need.on});
    std::sort(task.needs.begin(), task.needs.end());
    if (task.each && edges[position].items_from) task.each->from = place[*edges[position].items_from];
  }
  tasks = std::move(ordered);
  return {};
}

}  // namespace stint::core
