#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/pin.hpp"
#include "base/time.hpp"
#include "core/scheduler.hpp"
#include "ports/blob_store.hpp"
#include "ports/entropy.hpp"
#include "ports/listener_counters.hpp"
#include "ports/store.hpp"
#include "scheduler/attempt_token.hpp"
#include "scheduler/enrol_book.hpp"
#include "scheduler/event_ring.hpp"
#include "scheduler/journal.hpp"
#include "scheduler/key_rotation.hpp"
#include "scheduler/keyring.hpp"
#include "scheduler/log_book.hpp"
#include "scheduler/prepare/item_book.hpp"
#include "scheduler/report_book.hpp"
#include "scheduler/token_book.hpp"
#include "scheduler/work_book.hpp"

namespace stint::scheduler {

/// What a user may ask about the process itself.
struct CellFacts {
  std::string version;
  std::string cell_id;
  std::string state_dir;
  std::string server;                           ///< host:port that agents and clients connect to
  std::vector<std::string> addresses;           ///< host:port under which other machines find it
  std::vector<Pin> tls_pins;                    ///< by which clients know it where it speaks TLS
  const ports::ListenerCounters* listener = nullptr;
  UnixMillis started_at{};
};

/// The state of one cell that the API reads and changes. The daemon owns it; one thread.
struct Cell {
  core::Scheduler& core;
  Journal& journal;
  Keyring& keys;
  KeyRotation& rotation;
  ports::StoreReader& reader;
  EventRing& events;
  ReportBook& reports;
  TokenBook& tokens;
  EnrolBook& enrol_tokens;
  const AttemptTokens& attempt_tokens;
  const ItemBook& items;
  WorkBook& work;
  ports::BlobStore& blobs;
  ports::Entropy& entropy;
  std::function<std::optional<std::int64_t>(AgentNumber)> find_skew_ms;
  CellFacts facts;
  std::string not_ready;                        ///< why submissions are refused now (the disk is full); empty: ready
};

}  // namespace stint::scheduler
