#include "apps/stint/install.hpp"

#include <filesystem>
#include <fstream>

#include "apps/stint/completion.hpp"
#include "apps/stint/manual.hpp"
#include "apps/stint/report.hpp"
#include "client/exit_status.hpp"

namespace stint::cli {
namespace {

namespace fs = std::filesystem;

Status write_text(const fs::path& path, const std::string& text) {
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.flush();
  if (failed || !file) return fail(Errc::io, path.string() + ": cannot be written");
  return {};
}

Status write_all_texts(const CLI::App& app, const fs::path& share) {
  for (const auto& [name, text] : manual_pages(app)) STINT_TRY_VOID(write_text(share / "man" / name, text));
  STINT_TRY_VOID(write_text(share / "bash-completion/completions/stint", completion_script("bash")));
  STINT_TRY_VOID(write_text(share / "zsh/site-functions/_stint", completion_script("zsh")));
  return write_text(share / "fish/vendor_completions.d/stint.fish", completion_script("fish"));
}

}  // namespace

int install_texts(const CLI::App& app, const std::string& share) {
  const Status written = write_all_texts(app, share);
  return written ? client::kExitOk : report_error({}, written.error());
}

}  // namespace stint::cli
