#include "adapters/jobfile/yaml_json.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace stint::adapters {
namespace {

namespace json = boost::json;

constexpr int kDepthMax = 32;
constexpr std::size_t kInlineBytes = 100;  ///< a list of scalars this short stays on its line

json::value to_value(const YAML::Node& node, Remarks& problems, int depth);

/// `3`, `-0.5e3`, `true` are JSON's own words for themselves; `.5`, `0x1f`, `1_000` are texts.
json::value scalar_value(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return json::string(text);
  const bool may_be_other = !text.empty() && std::string_view("-0123456789tfn").find(text.front()) != std::string_view::npos;
  if (!may_be_other) return text == "~" ? json::value(nullptr) : json::value(json::string(text));
  json::error_code failed;
  json::value value = json::parse(text, failed);
  return failed ? json::value(json::string(text)) : value;
}

json::value map_value(const YAML::Node& node, Remarks& problems, int depth) {
  json::object object;
  const YamlMap map(node, "mapping", problems);
  for (const YamlMap::Entry& entry : map.entries()) object[entry.key] = to_value(entry.value, problems, depth + 1);
  return object;
}

json::value to_value(const YAML::Node& node, Remarks& problems, int depth) {
  if (depth > kDepthMax) {
    add_remark(problems, node.Mark(), "nested more than " + std::to_string(kDepthMax) + " deep");
    return nullptr;
  }
  if (node.IsScalar()) return scalar_value(node);
  if (node.IsMap()) return map_value(node, problems, depth);
  json::array array;
  if (!node.IsSequence()) return nullptr;
  for (const YAML::Node& item : node) array.push_back(to_value(item, problems, depth + 1));
  return array;
}

/// True if YAML reads the bare text as this text, in a block and in a list.
bool is_plain(std::string_view text) {
  static constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  const auto is_safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./ $=+@").find(c) != std::string_view::npos;
  };
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.front() == '-' || text.front() == '.' || text.front() == '@')
    return false;
  if (text.front() >= '0' && text.front() <= '9') return false;
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return std::all_of(text.begin(), text.end(), is_safe) && std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

std::string scalar_text(const json::value& value) {
  const json::string* text = value.if_string();
  return text != nullptr && is_plain(std::string_view(*text)) ? std::string(*text) : json::serialize(value);
}

std::string key_text(std::string_view key) { return is_plain(key) ? std::string(key) : json::serialize(json::string(key)); }

/// `[a, b]` if all are scalars and it is short.
std::optional<std::string> inline_list(const json::array& array) {
  std::string text;
  for (const json::value& item : array) {
    if (item.is_structured()) return std::nullopt;
    text += (text.empty() ? "" : ", ") + scalar_text(item);
  }
  return text.size() <= kInlineBytes ? std::optional("[" + text + "]") : std::nullopt;
}

bool is_line(const json::value& value) {
  return value.is_string() && std::string_view(value.get_string()).find('\n') != std::string_view::npos;
}

/// A text of several lines as a block; only what comes back the same.
std::optional<std::string> block_text(const json::value& value, const std::string& margin) {
  if (!is_line(value)) return std::nullopt;
  const std::string_view text(value.get_string());
  const auto is_odd = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F; };
  if (text.front() == ' ' || text.front() == '\n' || text.ends_with("\n\n") || std::any_of(text.begin(), text.end(), is_odd))
    return std::nullopt;
  std::string block = text.ends_with('\n') ? "|" : "|-";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    block += "\n" + (end == at ? "" : margin) + std::string(text.substr(at, end - at));
    at = end + 1;
  }
  return block;
}

void write(const json::value& value, const std::string& margin, std::string& out);

/// What follows `key:` or `-`: on the line, or on the lines below.
void write_value(const json::value& value, const std::string& margin, std::string& out) {
  const json::object* object = value.if_object();
  const json::array* array = value.if_array();
  if (const auto block = block_text(value, margin)) {
    out += " " + *block + "\n";
  } else if (object != nullptr && !object->empty()) {
    out += "\n";
    write(value, margin, out);
  } else if (array != nullptr) {
    const auto text = inline_list(*array);
    out += text ? " " + *text + "\n" : "\n";
    if (!text) write(value, margin, out);
  } else {
    out += " " + scalar_text(value) + "\n";
  }
}

void write(const json::value& value, const std::string& margin, std::string& out) {
  if (const json::object* object = value.if_object()) {
    for (const auto& item : *object) {
      out += margin + key_text({item.key().data(), item.key().size()}) + ":";
      write_value(item.value(), margin + "  ", out);
    }
    return;
  }
  for (const json::value& item : value.get_array()) {
    std::string inner;
    const bool is_map = item.is_object() && !item.get_object().empty();
    if (is_map)
      write(item, margin + "  ", inner);
    else
      write_value(item, margin + "  ", inner);
    out += margin + "-" + (is_map ? " " + inner.substr(margin.size() + 2) : inner);
  }
}

}  // namespace

std::string to_json_text(const YAML::Node& node, Remarks& problems) { return json::serialize(to_value(node, problems, 0)); }

std::string to_yaml(std::string_view text) {
  json::error_code failed;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), failed);
  std::string out;
  if (failed || !value.is_structured()) return std::string(text) + "\n";
  write(value, "", out);
  return out;
}

}  // namespace stint::adapters
