#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/job_mix.hpp"
#include "sim/log_reader.hpp"
#include "sim/scheduler_node.hpp"
#include "sim/surroundings.hpp"

namespace stint::sim {

/// A user of the API over a line that loses answers: submits with idempotency keys until it knows the job, cancels, lists, follows the
/// events.
class Client final : public HttpListener {
 public:
  Client(Surroundings world, SchedulerNode& scheduler);

  /// Submits it now, and again until an answer says that it is there.
  void submit(const core::JobSpec& spec, const std::string& key);
  /// Registers an agent; `on_key` gets its number, key epoch and key.
  void register_agent(const std::string& name, std::function<void(AgentNumber, KeyEpoch, const Bytes& key)> on_key);
  void cancel(JobId job, const std::string& task);
  /// Tries a job again: asked until it is answered.
  void retry(JobId job, const std::string& key);
  void list_tasks(JobId job);
  void show_job(JobId job);
  void explain(const std::string& task);
  /// The end of draining is asked for until it is answered.
  void drain(const std::string& agent, bool is_draining);
  using OnAnswer = std::function<void(const ports::HttpResponse* response)>;  ///< nullptr: nobody knows what happened
  /// Asked for once.
  void command(const std::string& path, const std::string& body, OnAnswer on_answer = {});
  void remove(const std::string& path);
  /// Asked for until it is answered.
  void revoke(const std::string& agent);
  /// Any other question, with a token of its own.
  void post(const std::string& path, std::string body, const std::string& token, OnAnswer on_answer);
  /// From now on, over and over.
  void follow_events();
  /// To the end of the task; one whose stream breaks gives up.
  void follow_output(const TaskRef& task, const std::string& name);
  /// Those who have read to the end.
  [[nodiscard]] const std::vector<LogReader>& finished_readers() const { return finished_readers_; }

  [[nodiscard]] std::uint64_t lost_answers() const { return lost_answers_; }
  /// Of 100 answers, this many are lost.
  void set_loss(std::uint32_t percent) { loss_ = percent; }
  [[nodiscard]] bool is_submitting() const { return submitting_ > 0; }
  /// Every question has its answer, or will get none.
  [[nodiscard]] bool is_idle() const { return asked_.empty(); }

  void on_response(ports::RequestId id, const ports::HttpResponse& response) override;
  void on_stream_begun(ports::RequestId id) override;
  void on_stream_bytes(ports::RequestId id, const std::string& bytes) override;
  void on_stream_ended(ports::RequestId id) override;

 private:
  void ask(ports::HttpRequest request, OnAnswer on_answer);
  void answer(ports::RequestId id, const ports::HttpResponse* response);
  void try_submit(const std::string& body, const std::string& key);
  void read_events(const std::string& bytes);

  Surroundings world_;
  SchedulerNode& scheduler_;
  std::map<ports::RequestId, OnAnswer> asked_;
  ports::RequestId last_;
  std::map<ports::RequestId, LogReader> readers_;
  std::vector<LogReader> finished_readers_;
  ports::RequestId events_;  ///< the open stream; zero: none
  std::string last_event_;
  std::uint32_t loss_ = 0;
  std::uint64_t lost_answers_ = 0;
  std::size_t submitting_ = 0;
};

}  // namespace stint::sim
