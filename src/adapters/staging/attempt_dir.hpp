#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file_ref.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "ports/driver.hpp"

namespace stint::staging {

/// What one attempt has on disk, below STATE/attempts/JOB.GROUP.INDEX@ATTEMPT (0700):
///
///   work/      its own directory, with the files it starts with
///   inputs/    $STINT_INPUTS: TASK/FILE, TASK/INDEX/FILE of the tasks it needs
///   outputs/   $STINT_OUTPUTS
///   items      $STINT_ITEM of a batch, one item a line
///   stage      what to do when it ends, JSON; written before it starts: whoever finds an attempt that runs finds this
///   left       manifest of its outputs; written when the scheduler has them all
class AttemptDir {
 public:
  AttemptDir(const std::string& root, const AttemptRef& ref);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string work() const { return path_ + "/work"; }
  [[nodiscard]] std::string inputs() const { return path_ + "/inputs"; }
  [[nodiscard]] std::string outputs() const { return path_ + "/outputs"; }
  [[nodiscard]] std::string items() const { return path_ + "/items"; }

  /// Empty, with its folders.
  [[nodiscard]] Status make() const;
  /// Keeps what an end needs: token, outputs, own_directory, checkpoint.
  [[nodiscard]] Status save_stage(const ports::StageSpec& stage) const;
  /// Errors:  not_found  it never came to its start;  corrupt.
  [[nodiscard]] Result<ports::StageSpec> load_stage() const;
  [[nodiscard]] Status save_left(const std::vector<FileRef>& files) const;
  /// nullopt: not all is at the scheduler yet.
  [[nodiscard]] std::optional<std::vector<FileRef>> load_left() const;

  /// Attempts that have a directory below `root`.
  [[nodiscard]] static std::vector<AttemptRef> list(const std::string& root);

 private:
  std::string path_;
};

/// Sets or replaces one variable.
void set_variable(std::vector<std::pair<std::string, std::string>>& env, std::string name, std::string value);

}  // namespace stint::staging
