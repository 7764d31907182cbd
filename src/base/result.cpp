#include "base/result.hpp"

namespace stint {

const char* to_string(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::not_found: return "not_found";
    case Errc::already_exists: return "already_exists";
    case Errc::conflict: return "conflict";
    case Errc::out_of_range: return "out_of_range";
    case Errc::unauthenticated: return "unauthenticated";
    case Errc::forbidden: return "forbidden";
    case Errc::unavailable: return "unavailable";
    case Errc::outcome_unknown: return "outcome_unknown";
    case Errc::no_space: return "no_space";
    case Errc::fenced: return "fenced";
    case Errc::corrupt: return "corrupt";
    case Errc::io: return "io";
    case Errc::unsupported: return "unsupported";
  }
  return "unknown";
}

}  // namespace stint
