#include "core/placement/shape.hpp"

#include <algorithm>
#include <string_view>

#include "core/model/limits.hpp"

namespace stint::core {
namespace {

/// True if `path` is `folder` or lies below it; a folder's name that merely begins alike does not count.
bool lies_under(std::string_view path, std::string_view folder) {
  while (!folder.empty() && folder.back() == '/') folder.remove_suffix(1);
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

Shape make_shape(const TaskSpec& spec) {
  Shape shape{spec.type, spec.driver, spec.resources, spec.labels, spec.constraints, {}, {}, 0};
  std::sort(shape.labels.begin(), shape.labels.end());
  std::sort(shape.constraints.begin(), shape.constraints.end());
  if (!spec.submit_boot_id.empty() && !spec.own_directory && !spec.inputs) {
    shape.boot_id = spec.submit_boot_id;
    shape.workdir = spec.workdir;
    shape.inode = spec.workdir_inode;
  }
  return shape;
}

bool offers_type(const AgentOffer& offer, const Shape& shape) {
  if (!shape.type || offer.types.empty()) return true;
  return std::find(offer.types.begin(), offer.types.end(), *shape.type) != offer.types.end();
}

bool offers_driver(const AgentOffer& offer, const Shape& shape) {
  return std::find(offer.drivers.begin(), offer.drivers.end(), shape.driver) != offer.drivers.end();
}

bool offers_labels(const AgentOffer& offer, const Shape& shape) {
  const auto carries = [&](const auto& label) { return std::find(offer.labels.begin(), offer.labels.end(), label) != offer.labels.end(); };
  return std::all_of(shape.labels.begin(), shape.labels.end(), carries) &&
         std::all_of(shape.constraints.begin(), shape.constraints.end(),
                     [&](const auto& constraint) { return is_met(constraint, offer.labels); });
}

bool sees_workdir(const AgentOffer& offer, const Shape& shape) {
  if (shape.boot_id.empty() || offer.boot_id == shape.boot_id) return true;
  return std::any_of(offer.shared_paths.begin(), offer.shared_paths.end(),
                     [&](const std::string& folder) { return !folder.empty() && lies_under(shape.workdir, folder); });
}

std::uint32_t window_of(const AgentOffer& offer) {
  return offer.window == 0 ? limits::kAgentAttempts : std::min(offer.window, limits::kAgentAttempts);
}

}  // namespace stint::core
