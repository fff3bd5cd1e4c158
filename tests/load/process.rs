//! The servers that a program measures: this program itself, started again as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{Failure, on_server_core};

/// What a server says when it is put together.
pub const READY: &str = "ready";

/// Starts this program with these arguments on the servers' core, and waits for its word.
pub fn start_server(arguments: &[&str]) -> Result<Killed, Failure> {
    start_server_with(arguments, Stdio::inherit())
}

fn start_server_with(arguments: &[&str], stderr: Stdio) -> Result<Killed, Failure> {
    let mut command = on_server_core(&std::env::current_exe()?);
    let command = command.args(arguments).stdout(Stdio::piped()).stderr(stderr);
    let mut server = Killed(command.spawn()?);
    wait_for_word(&mut server.0)?;
    Ok(server)
}

/// Starts this program with these arguments on whichever core is free; and its first word.
pub fn start_unpinned(arguments: &[&str]) -> Result<(Killed, String), Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut server = Killed(command.args(arguments).stdout(Stdio::piped()).spawn()?);
    let word = first_word(&mut server.0)?;
    Ok((server, word))
}

/// A port that is free now, as are the ones that follow it.
pub fn free_ports(count: u16) -> Result<u16, Failure> {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let free = |offset: u16| {
            let port = first.checked_add(offset);
            port.is_some_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        };
        if (0..count).all(free) {
            return Ok(first);
        }
    }
    Err("no free ports".into())
}

/// A server with one port.
pub struct Running {
    port: u16,
    child: Killed,
}

impl Running {
    /// Starts the server of this name on a free port, after which there is another; `more` follows the port.
    pub fn start(name: &str, more: &[&str]) -> Result<Self, Failure> {
        Self::start_with(name, more, Stdio::inherit())
    }

    /// The same; its log goes there.
    pub fn start_with(name: &str, more: &[&str], stderr: Stdio) -> Result<Self, Failure> {
        let port = free_ports(2)?;
        let number = port.to_string();
        let child = start_server_with(&[&["server", name, &number], more].concat(), stderr)?;
        Ok(Self { port, child })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu_seconds(&self) -> Result<f64, Failure> {
        cpu_seconds(self.child.id())
    }

    pub fn rss_mib(&self) -> Result<f64, Failure> {
        rss_mib(self.child.id())
    }
}

/// Runs this program with these arguments to its end; what it has printed.
pub fn output_of(arguments: &[&str]) -> Result<String, Failure> {
    output(Command::new(std::env::current_exe()?).args(arguments))
}

/// The same on the servers' core.
pub fn output_on_server_core(arguments: &[&str]) -> Result<String, Failure> {
    output(on_server_core(&std::env::current_exe()?).args(arguments))
}

fn output(command: &mut Command) -> Result<String, Failure> {
    let child = command.output()?;
    if !child.status.success() {
        return Err(String::from_utf8_lossy(&child.stderr).into_owned().into());
    }
    Ok(String::from_utf8(child.stdout)?)
}

/// A child that does not outlive this program.
pub struct Killed(Child);

impl Killed {
    pub fn spawn(command: &mut Command) -> Result<Self, Failure> {
        Ok(Self(command.spawn()?))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server's own word that all is put together, the batch too, which has no port to ask.
fn wait_for_word(server: &mut Child) -> Result<(), Failure> {
    if first_word(server)? == READY { Ok(()) } else { Err("the server did not start".into()) }
}

fn first_word(server: &mut Child) -> Result<String, Failure> {
    let output = server.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// Resident memory of a process. `taskset` has become the server by exec, so its id is the server's.
pub fn rss_mib(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.ok_or("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// CPU time that all threads of a process have had. `/proc/<pid>/stat` would count in hundredths of a second.
fn cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let schedstat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_cpu: f64 = schedstat.split(' ').next().unwrap_or_default().parse()?;
        nanoseconds += on_cpu;
    }
    Ok(nanoseconds / 1e9)
}

/// The same of this process. A thread's time is brought up to date when it goes to sleep, otherwise only now and then.
pub fn own_cpu_seconds() -> Result<f64, Failure> {
    std::thread::sleep(Duration::from_millis(1));
    cpu_seconds(std::process::id())
}
