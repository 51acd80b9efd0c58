//! The address that Prometheus asks: a few hundred bytes of HTTP for anybody, in one thread.
//!
//! Nobody is trusted. Each connection has a deadline and bounded memory, there is a bounded number of them, and when that is reached the
//! oldest goes: fifty that read slowly or say nothing do not keep the fifty-first from its answer. An answer is made ten times a second
//! at most, whoever asks, and all who wait share it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::figures;
use super::service::Service;
use crate::logic::clock::{MILLISECOND, Nanos, SECOND, monotonic};
use crate::logic::metrics::http::{MOST, Refusal, Request, Wanted, head, read};
use crate::logic::metrics::page::{Medium, Page};
use crate::logic::metrics::status::status;

/// The most connections at a time.
const CONNECTIONS: usize = 128;
/// How long a request may take to come, and an answer to go.
const REQUEST: Nanos = 5 * SECOND;
const ANSWER: Nanos = 10 * SECOND;
/// How long the other side may take to close, so that it has read all before the connection goes.
const CLOSING: Nanos = SECOND;
/// How long an answer serves all who ask for the same.
const FRESH: Nanos = 100 * MILLISECOND;
/// How long nobody is let in after that has failed, as when the process has no file descriptors left.
const PAUSE: Nanos = 100 * MILLISECOND;

/// Starts listening at `address`.
pub(super) fn start(address: SocketAddr, service: &Arc<Service>) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    service.spawn(move |service| Endpoint::new(listener, service).serve())
}

struct Endpoint<'a> {
    listener: TcpListener,
    service: &'a Service,
    connections: Vec<Connection>,
    answers: Vec<Answer>,
    paused_until: Nanos,
}

/// What is to be done.
struct Waited {
    /// Which connections are ready.
    ready: Vec<bool>,
    /// Somebody comes.
    accept: bool,
    /// Members have come or gone.
    woken: bool,
}

/// An answer, and when it was made.
struct Answer {
    wanted: Wanted,
    made: Nanos,
    /// Status line, content type, body.
    status: &'static str,
    content_type: &'static str,
    body: Arc<str>,
}

struct Connection {
    stream: TcpStream,
    phase: Phase,
    deadline: Nanos,
}

enum Phase {
    /// The request comes.
    Asking(Vec<u8>),
    /// The answer goes: its head, its body, and how much of both has gone.
    Answering(String, Arc<str>, usize),
    /// All has gone, and the other side is to close.
    Closing,
}

impl<'a> Endpoint<'a> {
    fn new(listener: TcpListener, service: &'a Service) -> Self {
        Self { listener, service, connections: Vec::new(), answers: Vec::new(), paused_until: 0 }
    }

    fn serve(mut self) {
        while !self.service.ended() {
            let Waited { ready, accept, woken } = self.wait();
            if woken {
                // Those who have left are in no answer from now on.
                self.service.awake();
                self.answers.clear();
            }
            let now = monotonic();
            for at in (0..self.connections.len()).rev() {
                let goes_on = if ready[at] { self.step(at, now) } else { true };
                if !goes_on || !self.in_time(at, now) {
                    self.connections.swap_remove(at);
                }
            }
            if accept {
                self.accept(now);
            }
        }
    }

    /// Waits until something is to be done.
    fn wait(&self) -> Waited {
        let now = monotonic();
        let paused = now < self.paused_until;
        let coming = if paused { PollFlags::empty() } else { PollFlags::IN };
        let (woken, listener) = (self.service.woken(), self.listener.as_fd());
        let mut waits =
            vec![PollFd::from_borrowed_fd(woken, PollFlags::IN), PollFd::from_borrowed_fd(listener, coming)];
        waits.extend(self.connections.iter().map(|connection| {
            let flags = if matches!(connection.phase, Phase::Answering(..)) { PollFlags::OUT } else { PollFlags::IN };
            PollFd::new(&connection.stream, flags)
        }));
        let deadlines = self.connections.iter().map(|connection| connection.deadline);
        let due = deadlines.chain(paused.then_some(self.paused_until)).min();
        let timeout = due.map(|due| {
            let left = due.saturating_sub(now) + 1;
            Timespec { tv_sec: (left / SECOND) as i64, tv_nsec: (left % SECOND) as _ }
        });
        // Interrupted or out of memory: then nothing is ready, and the next look is soon.
        let polled = poll(&mut waits, timeout.as_ref()).is_ok();
        let ready = |fd: &PollFd<'_>| polled && !fd.revents().is_empty();
        Waited { ready: waits[2..].iter().map(ready).collect(), accept: ready(&waits[1]), woken: ready(&waits[0]) }
    }

    fn accept(&mut self, now: Nanos) {
        // Not for ever: those who are there want to be served as well.
        for _ in 0..CONNECTIONS {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.paused_until = now + PAUSE;
                    return;
                }
            };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            if self.connections.len() >= CONNECTIONS {
                let deadlines = self.connections.iter().map(|connection| connection.deadline);
                if let Some((oldest, _)) = deadlines.enumerate().min_by_key(|&(_, deadline)| deadline) {
                    self.connections.swap_remove(oldest);
                }
            }
            self.connections.push(Connection { stream, phase: Phase::Asking(Vec::new()), deadline: now + REQUEST });
        }
    }

    /// Does what can be done now for a connection. Whether it goes on.
    fn step(&mut self, at: usize, now: Nanos) -> bool {
        match &mut self.connections[at].phase {
            Phase::Asking(_) => self.take_request(at, now),
            Phase::Answering(..) => self.connections[at].give_answer(now),
            // Whatever else it has to say, until it closes; not beyond a step, since somebody may send faster than we read.
            Phase::Closing => match self.connections[at].stream.read(&mut [0; 4096]) {
                Ok(more) => more > 0,
                Err(error) => waits(&error),
            },
        }
    }

    fn take_request(&mut self, at: usize, now: Nanos) -> bool {
        let connection = &mut self.connections[at];
        let Phase::Asking(request) = &mut connection.phase else { return true };
        let mut bytes = [0; 2048];
        match connection.stream.read(&mut bytes) {
            // Half a request, and nobody there to have the answer.
            Ok(0) => return false,
            Ok(more) => request.extend_from_slice(&bytes[..more.min(MOST.saturating_sub(request.len()))]),
            Err(error) => return waits(&error),
        }
        let (line, kind, body, short) = match read(request) {
            Request::Incomplete => return true,
            Request::Refuse(refusal) => refused(refusal),
            Request::Ask { wanted, head } => {
                let answer = self.answer(wanted, now);
                (answer.status, answer.content_type, answer.body.clone(), head)
            }
        };
        self.connections[at].answer_with(line, kind, body, short, now)
    }

    /// The answer to `wanted`; one that is fresh, or a new one.
    fn answer(&mut self, wanted: Wanted, now: Nanos) -> &Answer {
        self.answers.retain(|answer| now.saturating_sub(answer.made) < FRESH);
        let found = self.answers.iter().position(|answer| answer.wanted == wanted);
        let at = found.unwrap_or_else(|| {
            self.answers.push(figures::timed(|| make(wanted, self.service)));
            self.answers.len() - 1
        });
        &self.answers[at]
    }

    /// Whether a connection may go on. A request that does not come is told so, as far as that goes without waiting.
    fn in_time(&mut self, at: usize, now: Nanos) -> bool {
        let connection = &mut self.connections[at];
        if now < connection.deadline {
            return true;
        }
        if matches!(&connection.phase, Phase::Asking(request) if !request.is_empty()) {
            let (line, kind, body, short) = refused(Refusal::TooSlow);
            connection.answer_with(line, kind, body, short, now);
        }
        false
    }
}

fn refused(refusal: Refusal) -> (&'static str, &'static str, Arc<str>, bool) {
    let (line, text) = refusal.words();
    (line, "text/plain; charset=utf-8", text.into(), false)
}

fn make(wanted: Wanted, service: &Service) -> Answer {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let (status, content_type, body) = match wanted {
        Wanted::Metrics(format) => {
            let page = Page::new(service.read(), Some(figures::process()), Medium::Endpoint);
            ("200 OK", format.content_type(), page.text(format))
        }
        Wanted::Health => {
            let (well, json) = status(service.read());
            (if well { "200 OK" } else { "503 Service Unavailable" }, "application/json", json)
        }
        Wanted::Index => (
            "200 OK",
            PLAIN,
            "gst-plugin-steady\n\n/metrics  for Prometheus\n/health   200, or 503 with reasons\n".into(),
        ),
    };
    Answer { wanted, made: monotonic(), status, content_type, body: body.into() }
}

impl Connection {
    /// Begins to answer. Whether the connection goes on.
    fn answer_with(&mut self, status: &str, content_type: &str, body: Arc<str>, short: bool, now: Nanos) -> bool {
        let head = head(status, content_type, body.len());
        self.phase = Phase::Answering(head, if short { "".into() } else { body }, 0);
        self.deadline = now + ANSWER;
        self.give_answer(now)
    }

    fn give_answer(&mut self, now: Nanos) -> bool {
        let Phase::Answering(head, body, gone) = &mut self.phase else { return true };
        loop {
            let rest = match gone.checked_sub(head.len()) {
                None => &head.as_bytes()[*gone..],
                Some(of_body) => &body.as_bytes()[of_body..],
            };
            if rest.is_empty() {
                break;
            }
            match self.stream.write(rest) {
                Ok(0) => return false,
                Ok(more) => *gone += more,
                Err(error) => return waits(&error),
            }
        }
        // Closing at once with something unread would reset the connection, and the answer might be lost.
        (self.phase, self.deadline) = (Phase::Closing, now + CLOSING);
        self.stream.shutdown(Shutdown::Write).is_ok()
    }
}

/// Whether it is only not yet.
fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
