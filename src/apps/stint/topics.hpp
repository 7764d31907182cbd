#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stint::cli {

/// One page of docs/topics, embedded at build time.
struct Topic {
  std::string_view name;   ///< `exit-status`
  std::string_view title;  ///< `what the exit statuses of stint mean`
  std::string_view body;   ///< Markdown: paragraphs, `## ` headings, code indented by four
};

[[nodiscard]] const std::vector<Topic>& topics();
[[nodiscard]] const Topic* find_topic(std::string_view name);

/// As a terminal shows it.
[[nodiscard]] std::string render_topic(const Topic& topic, bool has_color);

}  // namespace stint::cli
