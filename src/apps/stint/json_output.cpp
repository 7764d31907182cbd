#include "apps/stint/json_output.hpp"

#include <boost/json.hpp>

#include "apps/stint/report.hpp"

namespace stint::cli {
namespace {

namespace json = boost::json;

void write(const json::value& value, const std::string& margin, std::string& out);

/// `open` items, each on a line of its own, `close`.
template <class Items, class WriteItem>
void write_lines(const Items& items, char open, char close, const std::string& margin, std::string& out, WriteItem write_item) {
  out += open;
  const char* separator = "\n";
  for (const auto& item : items) {
    out += separator + margin + "  ";
    write_item(item);
    separator = ",\n";
  }
  out += "\n" + margin + close;
}

void write(const json::value& value, const std::string& margin, std::string& out) {
  if (const json::object* object = value.if_object(); object != nullptr && !object->empty()) {
    write_lines(*object, '{', '}', margin, out, [&](const json::key_value_pair& item) {
      out += json_string({item.key().data(), item.key().size()}) + ": ";
      write(item.value(), margin + "  ", out);
    });
  } else if (const json::array* array = value.if_array(); array != nullptr && !array->empty() && array->front().is_structured()) {
    write_lines(*array, '[', ']', margin, out, [&](const json::value& item) { write(item, margin + "  ", out); });
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string to_json(const client::Page& page) {
  std::string text = "{\"items\":[";
  for (std::size_t i = 0; i < page.items.size(); ++i) text += (i == 0 ? "" : ",") + page.items[i];
  return text + "],\"next\":" + (page.next ? json_string(*page.next) : "null") + "}";
}

std::string indent_json(std::string_view text) {
  json::error_code failed;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), failed);
  if (failed) return std::string(text);
  std::string out;
  write(value, "", out);
  return out;
}

}  // namespace stint::cli
