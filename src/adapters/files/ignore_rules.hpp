#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stint::adapters {

/// Does `pattern` match all of `path`?  `*` and `?` stop at `/`, `[a-z]` and `[!a-z]` are one character, `\` takes the next one as it is.
/// A part `**` is any number of directories, also none; at the end, everything inside.
/// Source: gitignore(5). Takes time in proportion to both lengths, whatever the pattern.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view path);

/// The rules of the ignore files from the top of a tree down to one directory, as Git reads them: the last rule that matches counts, deeper
/// files come after shallower ones. A value: each directory of a walk has its own.
class IgnoreRules {
 public:
  /// The text of an ignore file in `directory`, a path below the top, empty for the top itself.
  void add(std::string_view text, std::string_view directory);
  /// Whether a file or directory in an unignored directory is left out. What lies in an ignored directory is, and no rule brings it back.
  [[nodiscard]] bool ignores(std::string_view path, bool is_directory) const;

 private:
  struct Rule {
    std::string directory;  ///< with a `/` at its end; empty: the top
    std::string pattern;  ///< against the path below `directory`, or a name alone
    bool is_name = false;  ///< no `/` in it: it stands for that name at any depth
    bool only_directories = false;
    bool keeps = false;  ///< `!`
  };
  void add_line(std::string_view line, std::string_view directory);
  std::vector<Rule> rules_;
};

}  // namespace stint::adapters
