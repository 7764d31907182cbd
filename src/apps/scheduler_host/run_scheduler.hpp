#pragma once

#include <string>
#include <vector>

#include "base/pin.hpp"
#include "base/time.hpp"
#include "scheduler/key_rotation.hpp"
#include "scheduler/retention.hpp"

namespace stint::apps {

struct SchedulerHostOptions {
  std::string state_dir;                        ///< made if it is not there
  std::string listen = "127.0.0.1:7464";
  bool port_fallback = true;                    ///< the next free port if that one is taken
  std::string advertise;                        ///< HOST:PORT told to agents; empty: what is listened on
  bool insecure_plaintext = false;              ///< beyond loopback, serve what comes without TLS as well
  std::string tls_certificate, tls_key;         ///< PEM files; empty: the cell's own, in the state directory
  std::string tls_client_ca;                    ///< who connects with TLS must show a certificate that it signed; empty: need not
  std::vector<Pin> tls_next_pins;               ///< of keys that may be shown later, announced already
  int ready_fd = -1;                            ///< gets the address and a newline once the API answers
  std::string log_level = "info";               ///< debug, info, warn, error
  Duration heartbeat_interval = std::chrono::seconds{30};
  scheduler::KeySettings keys;
  scheduler::RetentionLimits retention;         ///< nothing given: everything is kept
};

/// Runs until SIGTERM or SIGINT. Writes STATE/context.json (0600) with address and API token for clients on this machine.
/// Exit status: 0 asked to stop; 125 cannot start, or the store failed (a restart recovers).
int run_scheduler(const SchedulerHostOptions& options);

}  // namespace stint::apps
