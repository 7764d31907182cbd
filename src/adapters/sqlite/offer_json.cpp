#include "adapters/sqlite/offer_json.hpp"

#include <boost/json.hpp>
#include <utility>

namespace stint::sqlite {
namespace {

namespace json = boost::json;

json::array strings(const std::vector<std::string>& items) {
  json::array array;
  for (const auto& item : items) array.emplace_back(item);
  return array;
}

std::vector<std::string> strings(const json::value& array) {
  std::vector<std::string> items;
  for (const auto& item : array.as_array()) items.emplace_back(item.as_string());
  return items;
}

using Types = std::vector<AgentType>;
using Labels = std::vector<std::pair<std::string, std::string>>;

json::array types_json(const Types& types) {
  json::array words;
  for (const auto type : types) words.emplace_back(to_string(type));
  return words;
}

json::array labels_json(const Labels& labels) {
  json::array pairs;
  for (const auto& [key, value] : labels) pairs.push_back(json::array{key, value});
  return pairs;
}

Types read_types(const json::value& array) {
  Types types;
  for (const auto& word : array.as_array())
    if (const auto type = parse_agent_type(word.as_string())) types.push_back(*type);
  return types;
}

Labels read_labels(const json::value& array) {
  Labels labels;
  for (const auto& label : array.as_array()) labels.emplace_back(label.at(0).as_string(), label.at(1).as_string());
  return labels;
}

}  // namespace

std::string to_json(const core::AgentOffer& offer) {
  return json::serialize(json::object{{"types", types_json(offer.types)},
                                      {"cpu_millis", offer.resources.cpu_millis},
                                      {"memory_bytes", offer.resources.memory_bytes},
                                      {"gpu", offer.resources.gpus},
                                      {"storage_bytes", offer.resources.storage_bytes},
                                      {"labels", labels_json(offer.labels)},
                                      {"drivers", strings(offer.drivers)},
                                      {"notes", strings(offer.notes)},
                                      {"shared_paths", strings(offer.shared_paths)},
                                      {"boot_id", offer.boot_id},
                                      {"host", offer.host},
                                      {"version", offer.version},
                                      {"window", offer.window},
                                      {"prefetch", offer.prefetch}});
}

Result<core::AgentOffer> parse_offer(const std::string& text) {
  try {
    const json::value value = json::parse(text);
    const auto& object = value.as_object();
    core::AgentOffer offer;
    offer.types = read_types(object.at("types"));
    offer.resources.cpu_millis = object.at("cpu_millis").to_number<std::int64_t>();
    offer.resources.memory_bytes = object.at("memory_bytes").to_number<std::int64_t>();
    offer.resources.gpus = object.at("gpu").to_number<std::int64_t>();
    offer.resources.storage_bytes = object.at("storage_bytes").to_number<std::int64_t>();
    offer.labels = read_labels(object.at("labels"));
    offer.drivers = strings(object.at("drivers"));
    offer.notes = strings(object.at("notes"));
    offer.shared_paths = strings(object.at("shared_paths"));
    offer.boot_id = std::string(object.at("boot_id").as_string());
    offer.host = std::string(object.at("host").as_string());
    offer.version = std::string(object.at("version").as_string());
    offer.window = object.at("window").to_number<std::uint32_t>();
    if (const auto* prefetch = object.if_contains("prefetch")) offer.prefetch = prefetch->to_number<std::uint32_t>();  // not in old rows
    return offer;
  } catch (const std::exception& problem) {
    return fail(Errc::corrupt, std::string("agents.offer: ") + problem.what());
  }
}

std::string to_json(const core::AgentTerms& terms) {
  return json::serialize(json::object{{"types", types_json(terms.types)}, {"labels", labels_json(terms.labels)}});
}

Result<core::AgentTerms> parse_terms(const std::string& text) {
  try {
    const json::value value = json::parse(text);
    const auto& object = value.as_object();
    return core::AgentTerms{read_types(object.at("types")), read_labels(object.at("labels"))};
  } catch (const std::exception& problem) {
    return fail(Errc::corrupt, std::string("terms of an agent or a token: ") + problem.what());
  }
}

}  // namespace stint::sqlite
