//! Addresses as users write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Why an address cannot be used; the text is for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not of the form that is needed to listen.
    #[error(
        "\"{0}\" is no address to listen at. Write a port, as in 9464, or an address and a port, as in 127.0.0.1:9464 or [::1]:9464."
    )]
    Listen(String),
    /// Not of the form that is needed to send.
    #[error(
        "\"{0}\" is no address to send to. Write a host, as in 127.0.0.1 or statsd.example, and a port if it is not 8125."
    )]
    Send(String),
    /// Nobody could know where to ask.
    #[error("Port 0 means any free one, and nobody would know which. Choose one, such as 9464.")]
    AnyPort,
}

/// The port that StatsD has unless told otherwise.
const STATSD_PORT: u16 = 8125;

/// An address to listen at. A port alone, with or without a colon, is one of this machine that only this machine reaches: whatever
/// is to be reached from elsewhere must be asked for by writing it.
///
/// # Errors
///
/// [`AddressError::Listen`] when `text` is neither a port nor an address with one, [`AddressError::AnyPort`] when the port is 0.
pub fn listen(text: &str) -> Result<SocketAddr, AddressError> {
    let wrong = || AddressError::Listen(text.to_owned());
    let words = text.trim();
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let bare = words.strip_prefix("localhost:").or(words.strip_prefix(':')).unwrap_or(words);
    let address = match port(bare) {
        Some(port) => SocketAddr::new(local, port),
        None => words.parse::<SocketAddr>().map_err(|_| wrong())?,
    };
    if address.port() == 0 { Err(AddressError::AnyPort) } else { Ok(address) }
}

/// Digits alone: the standard library would also take a sign.
fn port(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A host, by name or number, and a port to send to.
///
/// # Errors
///
/// [`AddressError::Send`] when `text` is none, [`AddressError::AnyPort`] when the port is 0.
pub fn send(text: &str) -> Result<(String, u16), AddressError> {
    let wrong = || AddressError::Send(text.to_owned());
    let words = text.trim();
    if let Ok(ip) = words.parse::<IpAddr>() {
        return Ok((ip.to_string(), STATSD_PORT));
    }
    if let Ok(address) = words.parse::<SocketAddr>() {
        return if address.port() == 0 {
            Err(AddressError::AnyPort)
        } else {
            Ok((address.ip().to_string(), address.port()))
        };
    }
    let (host, number) = match words.rsplit_once(':') {
        Some((host, number)) => (host, port(number).ok_or_else(wrong)?),
        None => (words, STATSD_PORT),
    };
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    // A number alone is a port that somebody forgot the host of.
    let named = host.bytes().all(letter) && !host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match (named, number) {
        (false, _) => Err(wrong()),
        (true, 0) => Err(AddressError::AnyPort),
        (true, number) => Ok((host.to_owned(), number)),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_written_is_reached_from_elsewhere() {
        for text in ["9464", ":9464", "127.0.0.1:9464", "localhost:9464", " 9464 "] {
            assert_eq!(listen(text), Ok(SocketAddr::from(([127, 0, 0, 1], 9464))), "{text}");
        }
        assert_eq!(listen("[::1]:9464"), Ok("[::1]:9464".parse().unwrap()));
        assert_eq!(listen("0.0.0.0:80"), Ok(SocketAddr::from(([0, 0, 0, 0], 80))));
        assert_eq!(listen("[::]:80").map(|a| a.ip().is_unspecified()), Ok(true));
    }

    #[test]
    fn what_is_no_address_is_refused_in_words_that_show_one() {
        for text in
            ["", ":", "65536", "+80", "-1", "example:80", "127.0.0.1", "1.2.3.4.5:80", "http://127.0.0.1:80", "::1:80x"]
        {
            let error = listen(text).unwrap_err().to_string();
            assert!(error.contains("127.0.0.1:9464") && error.contains(text), "{text}: {error}");
        }
        assert_eq!(listen("0"), Err(AddressError::AnyPort));
        for text in ["", ":8125", "8125", "a b:1", "host:", "host:x", "host:+1", "host:99999", "1.2.3:80", "a/b"] {
            let error = send(text).unwrap_err().to_string();
            assert!(error.contains("no address to send to"), "{text}: {error}");
        }
    }

    #[test]
    fn statsd_has_a_host_and_a_port_of_its_own() {
        let host = |text: &str| send(text).unwrap();
        assert_eq!(host("statsd"), ("statsd".into(), 8125));
        assert_eq!(host("statsd.example:9125"), ("statsd.example".into(), 9125));
        assert_eq!(host("127.0.0.1:9"), ("127.0.0.1".into(), 9));
        assert_eq!(host("::1"), ("::1".into(), 8125));
        assert_eq!(host("[::1]:9"), ("::1".into(), 9));
        assert_eq!(send("statsd:0"), Err(AddressError::AnyPort));
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused(text: String) {
            if let Ok(address) = listen(&text) {
                prop_assert!(address.port() > 0);
            }
            if let Ok((host, port)) = send(&text) {
                prop_assert!(!host.is_empty() && port > 0);
            }
        }
    }
}
