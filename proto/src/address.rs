//! The address on which a daemon listens.

use std::{fmt, path::PathBuf, str::FromStr};

use thiserror::Error;

/// The address of a daemon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A Unix socket on this host: `unix:/path`.
    Unix(PathBuf),
    /// A TCP port without encryption: `host:port`.
    Tcp {
        /// Name or IP address (an IPv6 address in brackets).
        host: String,
        /// Port.
        port: u16,
    },
}

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{text}' is not an address: {problem}; use unix:/path or host:port")]
pub struct AddressError {
    text: String,
    problem: &'static str,
}

/// Longest path of a Unix socket that Linux takes, in bytes.
const MAX_SOCKET_PATH: usize = 107;

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |problem| AddressError { text: text.to_owned(), problem };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.len() {
                0 => Err(wrong("the path is empty")),
                1..=MAX_SOCKET_PATH => Ok(Self::Unix(PathBuf::from(path))),
                _ => Err(wrong("a socket path must have at most 107 bytes")),
            };
        }
        if text.contains("://") {
            return Err(wrong("this scheme is not supported"));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("the port is missing"))?;
        let port = port.parse().map_err(|_| wrong("the port is not a number from 0 to 65535"))?;
        let bare_ipv6 = host.contains(':') && !host.starts_with('[');
        match host {
            "" => Err(wrong("the host is missing")),
            _ if bare_ipv6 => Err(wrong("an IPv6 address must be in brackets")),
            _ if host.bytes().any(|c| c.is_ascii_whitespace() || c == b'/') => {
                Err(wrong("the host holds a space or a slash"))
            }
            _ => Ok(Self::Tcp { host: host.to_owned(), port }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print() {
        for (text, printed) in [
            ("unix:/run/b.sock", "unix:/run/b.sock"),
            ("unix:///run/b.sock", "unix:/run/b.sock"),
            ("unix:relative.sock", "unix:relative.sock"),
            ("localhost:7070", "localhost:7070"),
            ("[::1]:7070", "[::1]:7070"),
        ] {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(printed.to_owned()));
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let long = format!("unix:/{}", "x".repeat(200));
        for text in ["", "unix:", "host", "host:", ":1", "host:99999", "::1:5", "ftp://x:1", "a b:1", &long] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{text}'")), "{error}");
        }
    }
}
