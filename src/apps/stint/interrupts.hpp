#pragma once

/// Signals of a command that follows something. Process-wide, as signals are.
namespace stint::cli {

/// From now on SIGINT is counted instead of ending the process, and SIGTERM, SIGHUP and SIGQUIT ask it to leave.
void install_interrupt_handlers();

/// For what takes the whole screen: a change of its size ends a wait, and Ctrl-Z is told by take_stop() instead of stopping at once.
void install_screen_handlers();
/// Whether Ctrl-Z was pressed since the last call.
[[nodiscard]] bool take_stop();

/// Ctrl-C pressed so far.
[[nodiscard]] int interrupts_seen();
/// The signal that asked to leave, or 0.
[[nodiscard]] int leave_signal();
[[nodiscard]] bool wants_to_leave();

}  // namespace stint::cli
