#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "net/certificate.hpp"

namespace stint::net {

/// A key with its certificate in files of a folder that goes with the test.
class TestIdentity {
 public:
  explicit TestIdentity(std::vector<std::string> names = {"localhost", "127.0.0.1"}) {
    std::string pattern = std::filesystem::temp_directory_path() / "stint-tls-XXXXXX";
    folder = mkdtemp(pattern.data());
    key_text = *make_key();
    certificate_text = *make_certificate(key_text, {"stint cell test", std::move(names), unix_millis(time_ms())});
    std::ofstream(key()) << key_text;
    std::ofstream(certificate()) << certificate_text;
    ::chmod(key().c_str(), 0600);
  }
  ~TestIdentity() { std::filesystem::remove_all(folder); }
  TestIdentity(const TestIdentity&) = delete;
  TestIdentity& operator=(const TestIdentity&) = delete;

  [[nodiscard]] std::string key() const { return folder / "tls.key"; }
  [[nodiscard]] std::string certificate() const { return folder / "tls.crt"; }
  [[nodiscard]] Pin pin() const { return *pin_of_key(key_text); }
  static std::int64_t time_ms() { return std::int64_t{::time(nullptr)} * 1000; }

  std::filesystem::path folder;
  std::string key_text, certificate_text;
};

}  // namespace stint::net
