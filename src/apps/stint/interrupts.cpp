#include "apps/stint/interrupts.hpp"

#include <csignal>
#include <initializer_list>

namespace stint::cli {
namespace {

volatile std::sig_atomic_t g_interrupts = 0;
volatile std::sig_atomic_t g_leave_signal = 0;

volatile std::sig_atomic_t g_wants_stop = 0;

extern "C" void on_stop(int) { g_wants_stop = 1; }
extern "C" void on_resize(int) {}
extern "C" void on_interrupt(int) { g_interrupts = g_interrupts + 1; }
extern "C" void on_leave(int signal) { g_leave_signal = signal; }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void install_interrupt_handlers() {
  handle(SIGINT, on_interrupt);
  for (const int signal : {SIGTERM, SIGHUP, SIGQUIT}) handle(signal, on_leave);
}

void install_screen_handlers() {
  handle(SIGTSTP, on_stop);
  handle(SIGWINCH, on_resize);
}

bool take_stop() {
  const bool wants_stop = g_wants_stop != 0;
  g_wants_stop = 0;
  return wants_stop;
}

int interrupts_seen() { return g_interrupts; }
int leave_signal() { return g_leave_signal; }
bool wants_to_leave() { return g_leave_signal != 0; }

}  // namespace stint::cli
