#include "adapters/agent_host/crc32c.hpp"

#include <boost/crc.hpp>
#include <cstring>

namespace stint::agent_host {
namespace {

#if defined(__x86_64__)
/// The processor's own instruction takes eight bytes at once, a table one.
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(ByteView bytes, std::uint32_t before) {
  std::uint64_t crc = ~before;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  auto rest = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) rest = __builtin_ia32_crc32qi(rest, *at);
  return ~rest;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(ByteView bytes, std::uint32_t before) {
  // Its constructor takes the register: the checksum before its bits were turned round and inverted.
  using Crc = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;
  std::uint32_t turned = 0;
  for (int bit = 0; bit < 32; ++bit) turned |= (~before >> bit & 1U) << (31 - bit);
  Crc crc(turned);
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

std::uint32_t crc32c(ByteView bytes, std::uint32_t before) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return by_instruction(bytes, before);
#endif
  return crc32c_by_table(bytes, before);
}

}  // namespace stint::agent_host
