//! Shows figures to monitoring systems: an address that Prometheus asks, a file that `node_exporter` reads, datagrams for StatsD.
//!
//! Whoever measures implements [`Source`] and calls [`export`]. What is asked for is opened once in a process and shared by all
//! who name it; each shows the points of those who named it, no others. It ends with the last of them. All work is done in threads
//! of its own, one for each address and file, which read the figures as any other reader does and never meet a streaming thread.

pub(crate) mod caches;
mod endpoint;
mod figures;
mod push;
pub(crate) mod recordings;
mod service;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::logic::clock::Nanos;
use crate::logic::health::reading::Reading;
use crate::logic::metrics::address;
use service::{Key, Member, Subscription};

/// Whose figures are shown.
pub(crate) trait Source: Send + Sync {
    /// All points as of now. Called from a thread of the exporters, without a lock.
    fn read(&self) -> Vec<Reading>;

    /// What was asked for cannot be done, or no more, for a reason that the user can do something about. Called without a lock, by
    /// [`export`] itself or later from another thread. What is measured goes on.
    fn warn(&self, text: &str);
}

/// Where figures are to be shown; an empty text is nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Address to listen at.
    pub prometheus: String,
    /// File to write.
    pub textfile: String,
    /// Host to send to.
    pub statsd: String,
    /// How often the file is written and datagrams are sent. Of those who share one, the most impatient decides.
    pub interval: Nanos,
}

/// Shows the figures until it is dropped; they are gone when that returns. To be dropped without locks that [`Source::read`] takes.
#[derive(Debug, Default)]
#[must_use = "what is dropped is not shown"]
pub(crate) struct Export {
    _subscriptions: Vec<Subscription>,
}

/// Shows the figures of `source` from now on. What cannot be opened is told by [`Source::warn`], and the rest is shown.
pub(crate) fn export(source: &Arc<dyn Source>, targets: &Targets) -> Export {
    let mut subscriptions = Vec::new();
    let mut take = |result: Result<Subscription, String>| match result {
        Ok(subscription) => subscriptions.push(subscription),
        Err(text) => source.warn(&text),
    };
    let member = || Member { source: source.clone(), interval: targets.interval };
    if !targets.prometheus.is_empty() {
        let address =
            address::listen(&targets.prometheus).map_err(|error| format!("{error} Nothing is shown to Prometheus."));
        take(address.and_then(|address| {
            let open = |service: &_| endpoint::start(address, service);
            service::subscribe(Key::Endpoint(address), member(), open).map_err(|error| cannot_listen(address, &error))
        }));
    }
    if !targets.textfile.is_empty() {
        let path = PathBuf::from(&targets.textfile);
        let open = |service: &_| push::start_textfile(path.clone(), service);
        let result = service::subscribe(Key::Textfile(path.clone()), member(), open);
        take(result.map_err(|error| cannot_start(&format!("write {}", path.display()), &error)));
    }
    if !targets.statsd.is_empty() {
        let host = address::send(&targets.statsd).map_err(|error| format!("{error} Nothing is sent to StatsD."));
        take(host.and_then(|(host, port)| {
            let open = |service: &_| push::start_statsd(host.clone(), port, service);
            let result = service::subscribe(Key::Statsd(host.clone(), port), member(), open);
            result.map_err(|error| cannot_start(&format!("send to {host}:{port}"), &error))
        }));
    }
    Export { _subscriptions: subscriptions }
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "Another program uses that port: stop it, or choose another port. Within one program all may name the same one."
        }
        ErrorKind::AddrNotAvailable => {
            "This machine does not have that address: choose one that it has, or a port alone."
        }
        ErrorKind::PermissionDenied => "Ports below 1024 are for the system: choose a higher one.",
        _ => "Choose another address.",
    };
    format!(
        "Cannot listen at {address}: {}. {advice} The stream goes on without.",
        crate::logic::recording::recover::reason(error)
    )
}

fn cannot_start(what: &str, error: &std::io::Error) -> String {
    let reason = crate::logic::recording::recover::reason(error);
    format!(
        "Cannot start a thread to {what}: {reason}. End other programs or raise the limit on threads. The stream goes on without."
    )
}
