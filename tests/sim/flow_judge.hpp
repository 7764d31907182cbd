#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/agent_node.hpp"
#include "sim/scheduler_node.hpp"

namespace stint::sim {

/// What goes from task to task, when all is over: every entry has a task for each item that was left to it and each task had its own, what
/// was collected is whole, and what is recorded as left is what the process left.
class FlowJudge {
 public:
  FlowJudge(const Durable& durable, const SchedulerNode& scheduler, const std::vector<std::unique_ptr<AgentNode>>& agents,
            Findings& findings, AgentNumber liar)
      : durable_(durable), scheduler_(scheduler), agents_(agents), findings_(findings), liar_(liar) {}

  void check();

 private:
  void check_items(const Durable::GroupKey& group);
  void check_given(const Durable::GroupKey& group, const std::vector<std::string>& items);
  void check_collected(const Durable::GroupKey& group);
  void check_left(const core::AttemptRow& row);
  /// The files of this path that tasks of the entry left, one after the other.
  [[nodiscard]] std::string join_files(const Durable::GroupKey& group, const std::string& path) const;
  [[nodiscard]] bool is_honest(const Durable::GroupKey& group) const;
  [[nodiscard]] const std::string* find_blob(const BlobId& blob, const std::string& whose);
  [[nodiscard]] const core::TaskSpec& spec_of(const Durable::GroupKey& group) const;

  const Durable& durable_;
  const SchedulerNode& scheduler_;
  const std::vector<std::unique_ptr<AgentNode>>& agents_;
  Findings& findings_;
  AgentNumber liar_;  ///< zero: none
};

}  // namespace stint::sim
