#include <algorithm>
#include <cmath>

#include "protocol/decode.hpp"

namespace stint::protocol::decoding {
namespace {

/// What an item costs of the budget beside its bytes: many tables may point to one long list.
constexpr std::size_t kItemCost = 32;

std::string over(const char* name, std::size_t size, std::size_t limit, const char* unit) {
  return std::string(name) + " of " + std::to_string(size) + " " + unit + ", limit " + std::to_string(limit);
}

}  // namespace

bool Checker::refuse(Refusal reason, std::string detail) {
  if (!refused_) refused_ = Refused{reason, std::move(detail)};
  return false;
}

bool Checker::spend(std::size_t size) {
  if (size > budget_)
    return refuse(Refusal::text_too_long, "texts and bytes of one message above " + std::to_string(limits::kDecodedBytes) + " bytes");
  budget_ -= size;
  return true;
}

bool Checker::text(const flatbuffers::String* from, const char* name, std::size_t limit, std::string& out, Presence presence) {
  const std::size_t size = from == nullptr ? 0 : from->size();
  if (size == 0) return presence == Presence::optional || refuse(Refusal::missing_field, std::string(name) + " is missing");
  if (size > limit) return refuse(Refusal::text_too_long, over(name, size, limit, "bytes"));
  if (!spend(size)) return false;
  out.assign(from->c_str(), size);
  return true;
}

bool Checker::texts(const TextVector* from, const char* name, std::size_t most, std::size_t limit, std::vector<std::string>& out) {
  if (from == nullptr) return true;
  if (!list(from->size(), name, most)) return false;
  out.resize(from->size());
  for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) {
    if (!text(from->Get(i), name, limit, out[i])) return false;
  }
  return true;
}

bool Checker::named_texts(const NamedTextVector* from, const char* name, std::size_t most, std::size_t name_limit, std::size_t value_limit,
                          std::vector<std::pair<std::string, std::string>>& out) {
  if (from == nullptr) return true;
  if (!list(from->size(), name, most)) return false;
  out.resize(from->size());
  for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) {
    const schema::NamedText& entry = *from->Get(i);
    if (!text(entry.name(), name, name_limit, out[i].first, Presence::required)) return false;
    if (!text(entry.value(), name, value_limit, out[i].second)) return false;
  }
  return true;
}

bool Checker::bytes(const ByteVector* from, const char* name, std::size_t least, std::size_t most, Bytes& out) {
  const std::size_t size = from == nullptr ? 0 : from->size();
  if (size < least || size > most) return refuse(Refusal::bad_size, over(name, size, most, "bytes") + ", least " + std::to_string(least));
  if (size == 0) return true;
  if (!spend(size)) return false;
  out.assign(from->data(), from->data() + size);
  return true;
}

bool Checker::fixed(const ByteVector* from, const char* name, std::span<std::uint8_t> out) {
  const std::size_t size = from == nullptr ? 0 : from->size();
  if (size != out.size())
    return refuse(Refusal::bad_size, std::string(name) + " of " + std::to_string(size) + " bytes, must be " + std::to_string(out.size()));
  std::copy_n(from->data(), size, out.data());
  return true;
}

bool Checker::files(const flatbuffers::Vector<flatbuffers::Offset<schema::FileRef>>* from, const char* name, std::vector<FileRef>& out) {
  if (from == nullptr) return true;
  if (!list(from->size(), name, limits::kFiles)) return false;
  out.resize(from->size());
  for (flatbuffers::uoffset_t i = 0; i < from->size(); ++i) {
    const schema::FileRef& file = *from->Get(i);
    if (!text(file.path(), name, limits::kText, out[i].path, Presence::required)) return false;
    if (!fixed(file.blob(), name, out[i].blob.bytes)) return false;
    out[i].size = file.size();
    out[i].is_executable = file.is_executable();
  }
  return true;
}

bool Checker::list(std::size_t size, const char* name, std::size_t most) {
  if (size > most) return refuse(Refusal::list_too_long, over(name, size, most, "items"));
  return spend(size * kItemCost);
}

bool Checker::number(std::uint64_t from, const char* name, std::int64_t& out) {
  out = static_cast<std::int64_t>(from);
  return out >= 0 || refuse(Refusal::bad_value, std::string(name) + " beyond 63 bits");
}

bool Checker::duration(std::uint64_t ms, const char* name, Duration& out) {
  if (ms > limits::kTimeoutMs) return refuse(Refusal::bad_value, std::string(name) + " above 100 years");
  out = from_ms(static_cast<std::int64_t>(ms));
  return true;
}

bool Checker::ref(const schema::AttemptRef& from, AttemptRef& out) {
  if (from.job() == 0 || from.attempt() == 0) return refuse(Refusal::missing_field, "an attempt without job or number");
  if (static_cast<std::int64_t>(from.job()) < 0) return refuse(Refusal::bad_value, "job beyond 63 bits");
  out = {{JobId{from.job()}, from.group(), from.index()}, from.attempt()};
  return true;
}

bool Checker::ref(const schema::AttemptRef* from, AttemptRef& out) {
  return from == nullptr ? refuse(Refusal::missing_field, "attempt is missing") : ref(*from, out);
}

bool Checker::resources(const schema::ResourceSpec* from, Resources& out) {
  if (from == nullptr) return true;
  if (from->cpu() > limits::kCpuMillis) return refuse(Refusal::bad_resources, over("cpu", from->cpu(), limits::kCpuMillis, "millicores"));
  if (from->gpu() > limits::kGpus) return refuse(Refusal::bad_resources, over("gpu", from->gpu(), limits::kGpus, "devices"));
  out = {from->cpu(), from->memory() * kMiB, from->gpu(), from->storage() * kGiB};
  return true;
}

bool Checker::progress(float from, float& out) {
  if (!std::isfinite(from) || from < 0.0F || from > 1.0F) return refuse(Refusal::bad_progress, "progress must be within 0 to 1");
  out = from;
  return true;
}

}  // namespace stint::protocol::decoding
