#include "sim/log_reader.hpp"

#include <boost/beast/core/detail/base64.hpp>
#include <boost/json.hpp>
#include <string>

#include "sim/keeper.hpp"

namespace stint::sim {
namespace {

namespace json = boost::json;
namespace b64 = boost::beast::detail::base64;

std::string decode(std::string_view text) {
  std::string bytes(b64::decoded_size(text.size()), '\0');
  bytes.resize(b64::decode(bytes.data(), text.data(), text.size()).first);
  return bytes;
}

}  // namespace

void LogReader::read(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    read_line(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

void LogReader::read_line(std::string_view text) {
  boost::system::error_code problem;
  const auto value = json::parse(json::string_view(text.data(), text.size()), problem);
  const std::string who = "a follower of job " + std::to_string(task_.job.value);
  if (problem || !value.is_object()) return findings_.add(who + " was told what is no object");
  const auto& line = value.as_object();
  findings_.expect(!is_at_end_, "was told more after the end", who);
  if (line.contains("end")) {
    is_at_end_ = true;
    return;
  }
  const AttemptRef ref{task_, line.at("attempt").to_number<std::uint32_t>()};
  const std::uint8_t stream = line.at("stream").as_string() == "stdout" ? 1 : 2;
  const auto offset = line.at("offset").to_number<std::uint64_t>();
  std::uint64_t& end = seen_[ref.attempt][stream - 1u];
  findings_.expect(offset == end, "has a gap or an overlap in what it read", who);
  const std::string bytes = decode(std::string_view(line.at("data").as_string()));
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (static_cast<std::uint8_t>(bytes[i]) != printed_byte(ref, stream, offset + i))
      return findings_.add(who + " read what was not printed");
  end = offset + bytes.size();
}

std::array<std::uint64_t, 2> LogReader::seen(std::uint32_t attempt) const {
  const auto found = seen_.find(attempt);
  return found == seen_.end() ? std::array<std::uint64_t, 2>{} : found->second;
}

}  // namespace stint::sim
