#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/manifest.hpp"
#include "hash/sha256.hpp"
#include "scheduler/test_world.hpp"

namespace stint::scheduler::testing {

[[nodiscard]] inline AttemptRef attempt_of(std::uint64_t job, std::uint32_t group, std::uint32_t index = 0, std::uint32_t attempt = 1) {
  return {{JobId{job}, group, index}, attempt};
}

/// For tests: jobs whose entries hand files, results and items on, with one agent that leaves what the test says.
class Flow {
 public:
  Flow() : options_(world.add_agent("a1")) { connect(); }

  void connect() { agent = &world.connect(options_, "a1"); }
  /// A new process, and the agent comes back with what it held.
  void restart(const std::vector<AttemptRef>& held = {}) {
    world.restart();
    ++options_.connect;
    agent = &world.network.dial(world.daemon->links(), options_, world.now());
    world.settle();
    protocol::Resume resume{agent_info("a1"), {}};
    for (const auto& ref : held) resume.held.push_back({ref, TaskStatus::running, 1});
    agent->send(std::move(resume));
    world.settle();
  }

  /// A blob as a client uploads it; gives its name.
  std::string put(const std::string& text) {
    world.blobs->put(text, [](const auto& stored) { STINT_ASSERT(stored.has_value()); });
    world.settle();
    return to_hex(blob_id_of(as_bytes(text)));
  }
  [[nodiscard]] std::string text_of(const BlobId& blob) const {
    const auto at = world.blob_files->blobs.find(blob);
    return at == world.blob_files->blobs.end() ? "no such blob" : at->second.bytes;
  }
  [[nodiscard]] std::string line_of(const std::string& text, const std::string& path) const {
    return to_hex(blob_id_of(as_bytes(text))) + ' ' + std::to_string(text.size()) + " 644 " + path + '\n';
  }

  using Files = std::vector<std::pair<std::string, std::string>>;  ///< paths and what they hold
  /// The agent runs the attempt and ends it well, or not.
  void end(const AttemptRef& ref, const Files& files = {}, const std::string& result = {}, TaskStatus status = TaskStatus::completed) {
    auto last = update(ref, 2, status);
    for (const auto& [path, text] : files) {
      put(text);
      last.outputs.push_back({blob_id_of(as_bytes(text)), text.size(), false, path});
    }
    last.result = result;
    world.tell(*agent, protocol::UpdateList{{update(ref, 1, TaskStatus::running), last}});
  }

  struct Assigned {
    protocol::TaskTemplate shared;
    protocol::AssignedExtra extra;
  };
  /// What the agent heard last of this attempt.
  [[nodiscard]] std::optional<Assigned> find_assigned(const AttemptRef& ref) const {
    std::optional<Assigned> found;
    for (const auto& message : agent->heard) {
      const auto* list = std::get_if<protocol::AssignmentList>(&message);
      if (list == nullptr) continue;
      for (std::uint32_t i = 0; i < list->items.size(); ++i) {
        if (list->items[i].ref != ref) continue;
        found = Assigned{list->templates.at(list->items[i].template_index), {}};
        for (const auto& extra : list->extras)
          if (extra.index == i) found->extra = extra;
      }
    }
    return found;
  }
  /// The paths of a manifest, and what their files hold.
  [[nodiscard]] std::map<std::string, std::string> files_of(const BlobId& manifest) const {
    std::map<std::string, std::string> files;
    const auto parsed = core::parse_manifest(text_of(manifest));
    if (!parsed) return {{"no manifest", parsed.error().detail}};
    for (const auto& file : *parsed) files[file.path] = text_of(file.blob);
    return files;
  }
  boost::json::value get(const std::string& target) { return world.call("GET", target).json(); }

  World world;
  AgentPeer* agent = nullptr;

 private:
  AgentPeer::Options options_;
};

}  // namespace stint::scheduler::testing
