#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "protocol/messages.hpp"

namespace stint::agent {

/// What `${{ NAME }}` stands for in the command and environment of one attempt:
///
///   matrix.lr …    the values that came with the assignment
///   index          STINT_INDEX
///   item           its item, unless that is a batch
///   item.url …     a member of an item that is a JSON object, at any depth: text as it is, everything else as JSON
class Values {
 public:
  /// `extra`: of the attempt, or null; must outlive this.
  Values(const protocol::AssignedExtra* extra, std::uint64_t index) : extra_(extra), index_(index) {}

  /// Errors:  invalid_argument  the name is none of these; the detail says which.
  [[nodiscard]] Result<std::string> find(std::string_view name) const;

 private:
  [[nodiscard]] Result<std::string> find_in_item(std::string_view path) const;

  const protocol::AssignedExtra* extra_;
  std::uint64_t index_;
};

/// Replaces every `${{ NAME }}` of `text`. What is put in is not looked at again.
/// Errors:  invalid_argument  an unknown name, or braces that are not closed.
[[nodiscard]] Result<std::string> fill_in(std::string_view text, const Values& values);

}  // namespace stint::agent
