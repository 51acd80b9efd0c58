//! What is written or sent at regular intervals: the textfile and the datagrams. Each has a thread of its own, since a disk or a name
//! server may keep one waiting.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::figures;
use super::service::Service;
use crate::logic::clock::{MILLISECOND, Nanos, monotonic};
use crate::logic::metrics::page::{Format, Medium, Page};
use crate::logic::metrics::statsd::Deltas;
use crate::logic::recording::recover::reason;
use crate::logic::sync::lock;
use crate::logic::whole_file::{self, Readers};

/// Which of the process's textfiles has the metrics of the process: `node_exporter` refuses what is in two of its files.
static OWNER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Tells of the first failure after each success.
#[derive(Default)]
struct Complaint(bool);

impl Complaint {
    fn settle(&mut self, service: &Service, result: Result<(), String>) {
        match result {
            Ok(()) => self.0 = false,
            Err(text) if !std::mem::replace(&mut self.0, true) => service.warn(&text),
            Err(_) => {}
        }
    }
}

/// Calls `export` at once and then at each interval, until the end.
fn at_intervals(service: &Service, mut export: impl FnMut() -> Result<(), String>) {
    let mut complaint = Complaint::default();
    while !service.ended() {
        let began = monotonic();
        let result = figures::timed(&mut export);
        complaint.settle(service, result);
        // Members may come and go meanwhile, each with its interval.
        let due = || began.saturating_add(service.interval());
        while monotonic() < due() && service.sleep(due()) {}
    }
}

/// Starts writing the file at `path`.
pub(super) fn start_textfile(path: PathBuf, service: &Arc<Service>) -> io::Result<()> {
    service.spawn(move |service| {
        let mut file = Textfile { path: path.clone(), ours: false };
        at_intervals(service, || {
            let whole = lock(&OWNER).get_or_insert_with(|| path.clone()) == &path;
            let page = Page::new(service.read(), whole.then(figures::process), Medium::Textfile);
            file.replace(page.text(Format::Text).as_bytes())
        });
        lock(&OWNER).take_if(|owner| *owner == path);
    })
}

/// A file that is replaced again and again, and taken away at the end: what is in it would be read as the present for ever.
struct Textfile {
    path: PathBuf,
    /// What is there is from here.
    ours: bool,
}

impl Textfile {
    fn replace(&mut self, contents: &[u8]) -> Result<(), String> {
        let path = &self.path;
        if !self.ours && !may_be_replaced(path) {
            return Err(format!(
                "{} is there and is no file of metrics, so it stays as it is. Set textfile to another name, one that ends in .prom.",
                path.display()
            ));
        }
        whole_file::replace(path, contents, Readers::Everybody).map_err(|error| {
            format!(
                "Cannot write the metrics to {}: {}. Set textfile to a file in a folder that may be written to, such as that of \
                 node_exporter's --collector.textfile.directory. The stream goes on without.",
                path.display(),
                reason(&error)
            )
        })?;
        self.ours = true;
        Ok(())
    }
}

impl Drop for Textfile {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether nothing of somebody else's is lost: there is nothing, nothing in it, or what an earlier process has left.
fn may_be_replaced(path: &Path) -> bool {
    const BEGINNING: &[u8] = b"# HELP gst_";
    match fs::symlink_metadata(path) {
        Err(_) => return true,
        Ok(metadata) if !metadata.is_file() => return false,
        Ok(metadata) if metadata.len() == 0 => return true,
        Ok(_) => {}
    }
    let mut begins = [0; BEGINNING.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut begins)).is_ok() && begins == BEGINNING
}

/// How often an unknown host is looked for again.
const LOOK_AGAIN: Nanos = 10_000 * MILLISECOND;

/// Starts sending to `host`.
pub(super) fn start_statsd(host: String, port: u16, service: &Arc<Service>) -> io::Result<()> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    service.spawn(move |service| {
        // Counters of the process would be added up twice if two told of them.
        let whole = !TAKEN.swap(true, Ordering::Relaxed);
        let (mut deltas, mut socket, mut looked) = (Deltas::default(), None, None);
        let mut send = || {
            if socket.is_none() && looked.is_none_or(|looked: Nanos| monotonic().saturating_sub(looked) >= LOOK_AGAIN) {
                looked = Some(monotonic());
                socket = Some(open(&host, port).map_err(|error| {
                    format!(
                        "Cannot send metrics to {host}:{port}: {}. Set statsd-address to a host that is known here. The stream goes on \
                         without.",
                        reason(&error)
                    )
                })?);
            }
            let Some(socket) = &socket else { return Err(String::new()) };
            let process = whole.then(figures::process);
            let readings = service.read().into_iter().chain(service.farewells()).collect();
            for datagram in deltas.datagrams(readings, process.as_ref()) {
                // Nobody listens, or the buffer is full: that is what datagrams are for.
                let _ = socket.send(datagram.as_bytes());
            }
            Ok(())
        };
        at_intervals(service, &mut send);
        // What those had who left last.
        let _ = send();
        if whole {
            TAKEN.store(false, Ordering::Relaxed);
        }
    })
}

fn open(host: &str, port: u16) -> io::Result<UdpSocket> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        let local = if address.is_ipv4() { SocketAddr::from(([0; 4], 0)) } else { SocketAddr::from(([0; 16], 0)) };
        let connected = UdpSocket::bind(local).and_then(|socket| {
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}
