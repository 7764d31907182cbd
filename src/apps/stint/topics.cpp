#include "apps/stint/topics.hpp"

#include <algorithm>

#include "apps/stint/topics_generated.hpp"

namespace stint::cli {
namespace {

/// `# name: title`, then the body.
Topic read_topic(std::string_view text) {
  text.remove_prefix(2);
  const std::string_view head = text.substr(0, text.find('\n'));
  const std::size_t colon = head.find(": ");
  std::string_view body = text.substr(std::min(head.size() + 1, text.size()));
  body.remove_prefix(std::min(body.find_first_not_of('\n'), body.size()));
  return {head.substr(0, colon), head.substr(colon + 2), body};
}

}  // namespace

const std::vector<Topic>& topics() {
  static const std::vector<Topic> kTopics = [] {
    std::vector<Topic> read;
    for (const std::string_view text : kTopicTexts) read.push_back(read_topic(text));
    return read;
  }();
  return kTopics;
}

const Topic* find_topic(std::string_view name) {
  const auto found = std::find_if(topics().begin(), topics().end(), [&](const Topic& topic) { return topic.name == name; });
  return found == topics().end() ? nullptr : &*found;
}

std::string render_topic(const Topic& topic, bool has_color) {
  const auto bold = [&](std::string_view text) { return has_color ? "\x1b[1m" + std::string(text) + "\x1b[0m" : std::string(text); };
  std::string text = bold(topic.name) + ": " + std::string(topic.title) + "\n\n";
  std::string_view rest = topic.body;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    text += (line.starts_with("## ") ? bold(line.substr(3)) : std::string(line)) + "\n";
  }
  return text;
}

}  // namespace stint::cli
