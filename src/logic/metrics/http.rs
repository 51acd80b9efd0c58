//! Requests as they come from anybody, and the heads of answers.

use super::page::Format;

/// The longest head of a request. Prometheus sends some hundred bytes, a browser two thousand.
pub const MOST: usize = 8 * 1024;
/// More header lines than any client sends.
const LINES: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The metrics, in this format.
    Metrics(Format),
    /// Whether all is well.
    Health,
    /// What is there to ask for.
    Index,
}

/// What there is to be done about the bytes that have come so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// They are not all.
    Incomplete,
    /// An answer is wanted; of its body only the length if it is a HEAD.
    Ask {
        /// What is wanted.
        wanted: Wanted,
        /// Without the body.
        head: bool,
    },
    /// It cannot be answered.
    Refuse(Refusal),
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no HTTP.
    Garbage,
    /// There is nothing of that name.
    NotFound,
    /// It is neither GET nor HEAD.
    Method,
    /// It does not end.
    TooLong,
    /// It did not come in time.
    TooSlow,
}

impl Refusal {
    /// The status line's end, and a sentence for people.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Garbage => ("400 Bad Request", "This is no HTTP request.\n"),
            Self::NotFound => ("404 Not Found", "There is /metrics, and /health.\n"),
            Self::Method => ("405 Method Not Allowed", "Only GET and HEAD are answered.\n"),
            Self::TooLong => ("431 Request Header Fields Too Large", "The request's head is too long.\n"),
            Self::TooSlow => ("408 Request Timeout", "The request did not come in time.\n"),
        }
    }
}

/// Reads the head of a request, as far as it has come.
pub fn read(bytes: &[u8]) -> Request {
    let mut lines = [httparse::EMPTY_HEADER; LINES];
    let mut request = httparse::Request::new(&mut lines);
    match request.parse(&bytes[..bytes.len().min(MOST)]) {
        Ok(httparse::Status::Partial) if bytes.len() >= MOST => return Request::Refuse(Refusal::TooLong),
        Ok(httparse::Status::Partial) => return Request::Incomplete,
        Err(httparse::Error::TooManyHeaders) => return Request::Refuse(Refusal::TooLong),
        Err(_) => return Request::Refuse(Refusal::Garbage),
        Ok(httparse::Status::Complete(_)) => {}
    }
    let head = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Request::Refuse(Refusal::Method),
    };
    let accept = || {
        let of = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("accept");
        let values = request.headers.iter().filter(of).map(|header| String::from_utf8_lossy(header.value));
        values.collect::<Vec<_>>().join(",")
    };
    let target = request.path.unwrap_or_default();
    // As proxies ask: RFC 9112, section 3.2.2.
    let path = target.strip_prefix("http://").map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
    let wanted = match path.split(['?', '#']).next() {
        Some("/metrics") => Wanted::Metrics(format(&accept())),
        Some("/health") => Wanted::Health,
        Some("/") => Wanted::Index,
        _ => return Request::Refuse(Refusal::NotFound),
    };
    Request::Ask { wanted, head }
}

/// The format that an `Accept` header prefers. OpenMetrics must be asked for by name.
pub fn format(accept: &str) -> Format {
    let (mut open, mut text) = (0.0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut quality, mut version) = (1.0, None);
        for parameter in parts {
            match parameter.split_once('=').map(|(name, value)| (name.trim(), value.trim().trim_matches('"'))) {
                Some((name, value)) if name.eq_ignore_ascii_case("q") => {
                    quality = value.parse().ok().filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
                }
                Some((name, value)) if name.eq_ignore_ascii_case("version") => version = Some(value),
                _ => {}
            }
        }
        match (kind.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0")) => open = f64::max(open, quality),
            ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => text = f64::max(text, quality),
            _ => {}
        }
    }
    if open > 0.0 && open >= text { Format::OpenMetrics } else { Format::Text }
}

/// The head of an answer. Each connection answers once, which costs least to get right.
pub fn head(status: &str, content_type: &str, length: usize) -> String {
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{allow}Cache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(wanted: Wanted) -> Request {
        Request::Ask { wanted, head: false }
    }

    #[test]
    fn requests_are_told_from_garbage() {
        let read = |text: &str| read(text.as_bytes());
        assert_eq!(read("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), ask(Wanted::Metrics(Format::Text)));
        assert_eq!(read("GET /health?x=1 HTTP/1.0\r\n\r\n"), ask(Wanted::Health));
        assert_eq!(read("HEAD / HTTP/1.1\r\n\r\n"), Request::Ask { wanted: Wanted::Index, head: true });
        assert_eq!(read("GET http://localhost:9464/health HTTP/1.1\r\n\r\n"), ask(Wanted::Health), "as a proxy asks");
        assert_eq!(read("GET http://localhost HTTP/1.1\r\n\r\n"), ask(Wanted::Index));
        assert_eq!(read(""), Request::Incomplete);
        assert_eq!(read("GET /metrics HTTP/1.1\r\nHost: x\r\n"), Request::Incomplete);
        assert_eq!(read("GET /secrets HTTP/1.1\r\n\r\n"), Request::Refuse(Refusal::NotFound));
        assert_eq!(read("POST /metrics HTTP/1.1\r\n\r\n"), Request::Refuse(Refusal::Method));
        assert_eq!(read("\u{1}\u{2}\u{3}"), Request::Refuse(Refusal::Garbage));
        assert_eq!(read("GET /metrics HTTP/9\r\n\r\n"), Request::Refuse(Refusal::Garbage));
        assert_eq!(read(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(MOST))), Request::Refuse(Refusal::TooLong));
        assert_eq!(
            read(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65))),
            Request::Refuse(Refusal::TooLong)
        );
    }

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it() {
        // Prometheus 2.42 and 3.
        let old = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                   text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let new = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                   application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2";
        for accept in
            [old, new, "Application/OpenMetrics-Text", "application/openmetrics-text; version=\"1.0.0\"; q=0.5"]
        {
            assert_eq!(format(accept), Format::OpenMetrics, "{accept}");
        }
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for accept in [
            "",
            "*/*",
            browser,
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.1,text/plain;q=0.2",
            "application/openmetrics-text;q=-1;version=1.0.0",
        ] {
            assert_eq!(format(accept), Format::Text, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_or_waited_for(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_request_is_incomplete_up_to_its_last_byte(cut in 0usize..64, accept in "[a-z/*;=0-9., ]{0,20}") {
            let whole = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
            let asked = matches!(read(whole.as_bytes()), Request::Ask { wanted: Wanted::Metrics(_), .. });
            prop_assert!(asked);
            prop_assert_eq!(read(&whole.as_bytes()[..cut.min(whole.len() - 1)]), Request::Incomplete);
        }

        #[test]
        fn no_accept_header_makes_it_panic(accept: String) {
            let _ = format(&accept);
        }
    }
}
