//! Asks a service of the same container whether it is ready: there is no curl beside it.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// For connecting, for the question and for the answer, each.
const PATIENCE: Duration = Duration::from_secs(2);

/// `<port> [<path>]`: 0 when the answer is 200, 1 when it is another or none, 2 for wrong arguments.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<String> =
        arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let port = arguments.first().and_then(|port| port.parse().ok());
    let (Some(port), 1..=2) = (port, arguments.len()) else {
        return crate::misused();
    };
    let path = arguments.get(1).map_or("/readyz", String::as_str);
    match ask(port, path) {
        Ok(status) => {
            println!("{path}: {status}");
            ExitCode::from(u8::from(status != 200))
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(port: u16, path: &str) -> io::Result<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let question = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    connection.write_all(question.as_bytes())?;
    let mut first = String::new();
    BufReader::new(connection).read_line(&mut first)?;
    status_of(&first).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no HTTP"))
}

/// `HTTP/1.1 200 OK`.
fn status_of(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    fn answer_once(answer: &'static str) -> io::Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || -> io::Result<()> {
            let (mut connection, _) = listener.accept()?;
            let mut question = [0; 1024];
            let length = connection.read(&mut question)?;
            let asked = question[..length].starts_with(b"GET /readyz HTTP/1.1\r\n");
            connection.write_all(if asked { answer } else { "" }.as_bytes())
        });
        Ok(port)
    }

    #[test]
    fn only_an_answer_of_200_says_that_a_service_is_ready() -> io::Result<()> {
        let ready = answer_once("HTTP/1.1 200 OK\r\n\r\n")?;
        let away = answer_once("HTTP/1.1 503 Service Unavailable\r\n\r\n")?;
        let other = answer_once("SSH-2.0-x\r\n")?;
        for (port, status) in [(ready, Some(200)), (away, Some(503)), (other, None)] {
            assert_eq!(ask(port, "/readyz").ok(), status, "{port}");
        }
        Ok(())
    }

    #[test]
    fn nobody_there_is_no_answer() -> io::Result<()> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        assert!(ask(port, "/readyz").is_err());
        Ok(())
    }
}
