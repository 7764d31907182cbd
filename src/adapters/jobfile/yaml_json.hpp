#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>

#include "adapters/jobfile/yaml_map.hpp"

namespace stint::adapters {

/// The node as JSON text. Plain scalars mean what YAML 1.2 says: `3`, `0.5`, `true`, `null` are no texts, `"3"` and `yes` are.
/// What JSON cannot hold (a key that is no word, `.inf`) is remarked upon; deeper than 32 too.
[[nodiscard]] std::string to_json_text(const YAML::Node& node, Remarks& problems);

/// JSON as YAML of blocks, in the order of its keys; texts that YAML would read as something else are quoted. `json` must be JSON.
[[nodiscard]] std::string to_yaml(std::string_view json);

}  // namespace stint::adapters
