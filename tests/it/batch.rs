//! batch-service as a process: killed, paused, stopped, among services that fail.

mod commands;
mod faults;
mod fences;
mod kills;
