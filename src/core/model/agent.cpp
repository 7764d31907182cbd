#include "core/model/agent.hpp"

#include <algorithm>

#include "core/model/limits.hpp"

namespace stint::core {
namespace {

constexpr std::size_t kNotedMax = 256;  // of labels named in a note

template <class T>
bool holds(const std::vector<T>& items, const T& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

std::string name_types(const std::vector<AgentType>& types) {
  std::string text;
  for (const AgentType type : types) text += (text.empty() ? "" : ", ") + std::string(to_string(type));
  return text;
}

void cut_types(AgentOffer& offer, const std::vector<AgentType>& allowed) {
  if (offer.types.empty()) offer.types = allowed;
  const auto offered = offer.types;
  std::erase_if(offer.types, [&](AgentType type) { return !holds(allowed, type); });
  if (offer.types.size() == offered.size()) return;
  const std::string what = "offers " + name_types(offered) + ", its token allows " + name_types(allowed);
  offer.notes.push_back(offer.types.empty() ? what + ": it takes nothing" : what);
  if (!offer.types.empty()) return;
  offer.types = allowed;
  offer.drivers.clear();
}

void set_labels(AgentOffer& offer, const std::vector<std::pair<std::string, std::string>>& labels) {
  std::string cut;
  for (const auto& label : offer.labels)
    if (!holds(labels, label) && cut.size() < kNotedMax) cut += (cut.empty() ? "" : ", ") + label.first + "=" + label.second;
  if (!cut.empty()) offer.notes.push_back("its token sets its labels; not counted: " + cut);
  offer.labels = labels;
}

}  // namespace

bool is_agent_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  };
  return !text.empty() && text.size() <= limits::kNameBytes && std::all_of(text.begin(), text.end(), allowed) && text != "tokens";
}

AgentOffer cut_to_terms(AgentOffer offer, const AgentTerms& terms) {
  if (!terms.types.empty()) cut_types(offer, terms.types);
  if (!terms.labels.empty()) set_labels(offer, terms.labels);
  return offer;
}

}  // namespace stint::core
