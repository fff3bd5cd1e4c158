//! What the system says of this process: processor, memory, open files, since when.

use std::fs;

use prometheus::Registry;
use rustix::param::{clock_ticks_per_second, page_size};

use crate::exposition::{Exposition, Family, number};

/// Shows it among these metrics, under the names that Prometheus knows.
pub(super) fn register(registry: &Registry) -> Result<(), prometheus::Error> {
    registry.register(Box::new(Exposition::of(|| families(&Process::read()))?))
}

/// As of proc(5); zero where that is not to be had.
#[derive(Debug, Default, PartialEq)]
struct Process {
    cpu_s: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    started_at_s: f64,
    threads: f64,
    open_files: f64,
    most_open_files: f64,
}

fn families(process: &Process) -> Vec<Family> {
    let gauge = |name, help, value| Family::gauge(name, help, 0).at(value);
    vec![
        Family::counter("process_cpu_seconds_total", "Processor time used", 0).at(process.cpu_s),
        gauge("process_resident_memory_bytes", "Memory in use", process.resident_bytes),
        gauge("process_virtual_memory_bytes", "Memory reserved", process.virtual_bytes),
        gauge("process_start_time_seconds", "When it was started", process.started_at_s),
        gauge("process_threads", "Threads", process.threads),
        gauge("process_open_fds", "Open files and connections", process.open_files),
        gauge("process_max_fds", "Open files and connections at the most", process.most_open_files),
    ]
}

impl Process {
    fn read() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mut process = Self::of(&read("/proc/self/stat"), &read("/proc/stat"));
        process.most_open_files = most_open_files(&read("/proc/self/limits"));
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        // The one with which they are counted is not counted.
        process.open_files = number(u64::try_from(open.saturating_sub(1)).unwrap_or_default());
        process
    }

    fn of(own: &str, of_all: &str) -> Self {
        // What is before it is the program's name, in which anything may stand.
        let fields: Vec<f64> = own.rsplit_once(')').map_or_else(Vec::new, |(_, fields)| {
            fields.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect()
        });
        // The first of these is the third of proc(5).
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
        let ticks = number(clock_ticks_per_second());
        let booted = of_all.lines().find_map(|line| line.strip_prefix("btime "));
        let booted: f64 = booted.and_then(|text| text.trim().parse().ok()).unwrap_or_default();
        Self {
            cpu_s: (field(14) + field(15)) / ticks,
            threads: field(20),
            started_at_s: booted + field(22) / ticks,
            virtual_bytes: field(23),
            resident_bytes: field(24) * number(u64::try_from(page_size()).unwrap_or_default()),
            ..Self::default()
        }
    }
}

fn most_open_files(limits: &str) -> f64 {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    soft.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_process_is_read_whatever_its_name() {
        let own = "7 (a) b) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 5 0 1000 8192 3 18446744073709551615";
        let process = Process::of(own, "cpu 1 2\nbtime 1700000000\n");
        let ticks = number(clock_ticks_per_second());
        assert_eq!(process.cpu_s, 200.0 / ticks);
        assert_eq!((process.threads, process.virtual_bytes), (5.0, 8192.0));
        assert_eq!(process.started_at_s, 1_700_000_000.0 + 1000.0 / ticks);
        assert_eq!(process.resident_bytes % 3.0, 0.0);
        assert_eq!(most_open_files("Max open files            1024    4096    files"), 1024.0);
    }

    #[test]
    fn this_process_uses_something_of_everything() {
        let process = Process::read();
        assert!(process.resident_bytes > 0.0 && process.threads >= 1.0, "{process:?}");
        assert!(process.open_files >= 3.0 && process.most_open_files > 3.0, "{process:?}");
        assert!(process.started_at_s > 1_700_000_000.0, "{process:?}");
    }

    #[test]
    fn without_a_system_that_tells_there_are_zeros() {
        assert_eq!(Process::of("", "").threads, 0.0);
        assert_eq!(most_open_files("Max open files unlimited"), 0.0);
    }
}
