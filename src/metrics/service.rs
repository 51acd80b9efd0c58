//! What several sources share: opened by the first who names it, ended by the last who leaves.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard};
use std::thread::ThreadId;
use std::time::Duration;
use std::{io, thread};

use super::Source;
use crate::logic::clock::{MILLISECOND, Nanos, SECOND, monotonic};
use crate::logic::health::reading::Reading;
use crate::logic::sync::{lock, wait, wait_timeout};

/// What is shared, by what makes it the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Endpoint(SocketAddr),
    Textfile(PathBuf),
    Statsd(String, u16),
}

/// One who shares.
pub(super) struct Member {
    pub source: Arc<dyn Source>,
    pub interval: Nanos,
}

/// The most that whoever joins or leaves waits for another who opens or closes the same. Only a file on a dead disk takes so long.
const PATIENCE: Nanos = 2 * SECOND;
/// Nothing is written or sent more often.
const LEAST_INTERVAL: Nanos = 100 * MILLISECOND;

/// What is shared, and by whom.
pub(super) struct Service {
    key: Key,
    state: Mutex<State>,
    changed: Condvar,
    /// A byte in the one makes the other readable, which wakes a thread that waits for sockets.
    waker: UnixStream,
    woken: UnixStream,
}

struct State {
    members: Vec<(u64, Member)>,
    /// The last figures of those who have left, for whom they still matter.
    farewells: Vec<Reading>,
    /// Nobody is left. Once true it stays so.
    ended: bool,
    thread: Option<ThreadId>,
}

enum Slot {
    /// Somebody opens or closes it.
    Busy,
    Open(Arc<Service>),
}

#[derive(Default)]
struct Table {
    slots: HashMap<Key, Slot>,
    next_id: u64,
}

// Lock order: the table, then a service's state. Held for looking and changing only: never while something is opened, closed, read,
// written or told.
static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);
static SETTLED: Condvar = Condvar::new();

fn table() -> MutexGuard<'static, Table> {
    lock(&TABLE)
}

/// Waits until nobody opens or closes `key`; not beyond [`PATIENCE`].
fn settled<'a>(mut table: MutexGuard<'a, Table>, key: &Key) -> MutexGuard<'a, Table> {
    let until = monotonic() + PATIENCE;
    while matches!(table.slots.get(key), Some(Slot::Busy)) {
        let Some(left) = until.checked_sub(monotonic()).filter(|&left| left > 0) else { break };
        (table, _) = wait_timeout(&SETTLED, table, Duration::from_nanos(left));
    }
    table
}

/// A share. Dropping it leaves; the last one to leave waits until all is closed.
pub(super) struct Subscription {
    service: Arc<Service>,
    id: u64,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} #{}", self.service.key, self.id)
    }
}

/// Shares what `key` names. If it is not there, `open` opens it and starts its thread.
pub(super) fn subscribe(
    key: Key,
    member: Member,
    open: impl FnOnce(&Arc<Service>) -> io::Result<()>,
) -> io::Result<Subscription> {
    let mut table = settled(table(), &key);
    let id = table.next_id;
    table.next_id += 1;
    match table.slots.get(&key) {
        Some(Slot::Busy) => return Err(io::ErrorKind::TimedOut.into()),
        Some(Slot::Open(service)) => {
            let service = service.clone();
            lock(&service.state).members.push((id, member));
            drop(table);
            service.wake();
            return Ok(Subscription { service, id });
        }
        None => table.slots.insert(key.clone(), Slot::Busy),
    };
    drop(table);
    let opened = Service::new(key.clone(), (id, member)).and_then(|service| open(&service).map(|()| service));
    let mut table = self::table();
    if let Ok(service) = &opened {
        table.slots.insert(key, Slot::Open(service.clone()));
    } else {
        table.slots.remove(&key);
    }
    drop(table);
    SETTLED.notify_all();
    opened.map(|service| Subscription { service, id })
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let (key, service) = (&self.service.key, &self.service);
        // What has grown since the last datagram would be lost; an address and a file show the present only.
        let farewell = if matches!(key, Key::Statsd(..)) { service.read_of(self.id) } else { Vec::new() };
        let mut table = table();
        let mut state = lock(&service.state);
        let left = state.members.iter().position(|(id, _)| *id == self.id).map(|at| state.members.swap_remove(at));
        state.farewells.extend(farewell);
        let last = state.members.is_empty();
        let own_thread = state.thread == Some(thread::current().id());
        if last {
            state.ended = true;
            table.slots.insert(key.clone(), Slot::Busy);
        }
        drop(state);
        drop(table);
        service.wake();
        if last && !own_thread {
            // Whoever reads the figures next must not find them, and the address must be free.
            drop(settled(self::table(), key));
        }
        // May be what keeps an element, whose end is nothing to have a lock for.
        drop(left);
    }
}

impl Service {
    fn new(key: Key, first: (u64, Member)) -> io::Result<Arc<Self>> {
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let state = State { members: vec![first], farewells: Vec::new(), ended: false, thread: None };
        Ok(Arc::new(Self { key, state: Mutex::new(state), changed: Condvar::new(), waker, woken }))
    }

    /// Starts the one thread of this service. When `work` returns, which must be soon after the end, all is closed.
    pub fn spawn(self: &Arc<Self>, work: impl FnOnce(&Service) + Send + 'static) -> io::Result<()> {
        let service = self.clone();
        thread::Builder::new().name("steady-metrics".into()).spawn(move || {
            lock(&service.state).thread = Some(thread::current().id());
            if catch_unwind(AssertUnwindSafe(|| work(&service))).is_err() {
                // What `work` owned is closed. Members stay until they leave.
                service.warn(
                    "The thread that shows figures has panicked. They are not shown any more; the stream goes on.",
                );
            }
            let mut state = lock(&service.state);
            while !state.ended {
                state = wait(&service.changed, state);
            }
            drop(state);
            let closed = table().slots.remove(&service.key);
            SETTLED.notify_all();
            drop(closed);
        })?;
        Ok(())
    }

    /// Whether nobody is left.
    pub fn ended(&self) -> bool {
        lock(&self.state).ended
    }

    /// Wakes the thread, which then looks again.
    fn wake(&self) {
        self.changed.notify_all();
        // A full pipe wakes as well.
        let _ = (&self.waker).write(&[0]);
    }

    /// What becomes readable when the thread is to look again, and can be emptied by [`Self::awake`].
    pub fn woken(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    /// The thread has been woken and looks.
    pub fn awake(&self) {
        while (&self.woken).read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    }

    /// Sleeps until `due`, or until the members change or the end. Whether it has not ended.
    pub fn sleep(&self, due: Nanos) -> bool {
        let state = lock(&self.state);
        let left = due.saturating_sub(monotonic());
        if state.ended || left == 0 {
            return !state.ended;
        }
        let (state, _) = wait_timeout(&self.changed, state, Duration::from_nanos(left));
        !state.ended
    }

    /// How often there is something to do.
    pub fn interval(&self) -> Nanos {
        let state = lock(&self.state);
        state.members.iter().map(|(_, member)| member.interval).min().unwrap_or(SECOND).max(LEAST_INTERVAL)
    }

    fn sources(&self) -> Vec<Arc<dyn Source>> {
        let state = lock(&self.state);
        let mut members: Vec<_> = state.members.iter().map(|(id, member)| (*id, member.source.clone())).collect();
        drop(state);
        // In the order of joining, so that points of the same place keep their numbers.
        members.sort_by_key(|(id, _)| *id);
        members.into_iter().map(|(_, source)| source).collect()
    }

    /// The points of all members. One that panics has none.
    pub fn read(&self) -> Vec<Reading> {
        self.sources().iter().flat_map(read).collect()
    }

    /// Those of one member.
    fn read_of(&self, member: u64) -> Vec<Reading> {
        let found = {
            let state = lock(&self.state);
            state.members.iter().find(|(id, _)| *id == member).map(|(_, member)| member.source.clone())
        };
        found.iter().flat_map(read).collect()
    }

    /// The last figures of those who have left since this was asked last.
    pub fn farewells(&self) -> Vec<Reading> {
        std::mem::take(&mut lock(&self.state).farewells)
    }

    /// Tells all members.
    pub fn warn(&self, text: &str) {
        for source in self.sources() {
            let _ = catch_unwind(AssertUnwindSafe(|| source.warn(text)));
        }
    }
}

fn read(source: &Arc<dyn Source>) -> Vec<Reading> {
    catch_unwind(AssertUnwindSafe(|| source.read())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::metrics::page::tests::reading;
    use std::sync::mpsc;

    struct One(mpsc::Sender<String>);
    impl Source for One {
        fn read(&self) -> Vec<Reading> {
            vec![reading()]
        }
        fn warn(&self, text: &str) {
            let _ = self.0.send(text.into());
        }
    }

    struct Mad;
    impl Source for Mad {
        fn read(&self) -> Vec<Reading> {
            panic!("on purpose")
        }
        fn warn(&self, _: &str) {
            panic!("on purpose")
        }
    }

    /// Named by a host that is nobody's: nothing is sent, since the threads are the test's.
    fn key(name: &str) -> Key {
        Key::Statsd(name.into(), 1)
    }

    fn until_the_end(service: &Service) {
        while service.sleep(monotonic() + SECOND) {}
    }

    #[test]
    fn the_first_opens_the_last_closes_and_a_mad_one_spoils_nothing() {
        let (told, warnings) = mpsc::channel();
        let member = |source: Arc<dyn Source>| Member { source, interval: 5 * SECOND };
        let mut opened = None;
        let first = subscribe(key("a"), member(Arc::new(Mad)), |service| {
            opened = Some(service.clone());
            service.spawn(until_the_end)
        });
        let never = |_: &Arc<Service>| -> io::Result<()> { panic!("it is open already") };
        let mut quick = member(Arc::new(One(told)));
        quick.interval = 0;
        let second = subscribe(key("a"), quick, never).unwrap();
        let service = opened.unwrap();
        assert_eq!((service.read().len(), service.interval()), (1, LEAST_INTERVAL));
        service.warn("hear");
        assert_eq!(warnings.try_recv().unwrap(), "hear");
        drop(first);
        assert!(!service.ended() && table().slots.contains_key(&key("a")));
        drop(second);
        assert!(service.ended() && !table().slots.contains_key(&key("a")), "closed when the last drop returns");
        assert!(warnings.try_recv().is_err());
    }

    #[test]
    fn what_cannot_be_opened_is_open_to_the_next_and_many_who_come_and_go_meet_nobody_half_way() {
        let member = || Member { source: Arc::new(Mad), interval: SECOND };
        let failed = subscribe(key("b"), member(), |_| Err(io::ErrorKind::AddrInUse.into()));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let open = Mutex::new(());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let opens = |service: &Arc<Service>| {
                            drop(open.try_lock().expect("two opened it at a time"));
                            service.spawn(until_the_end)
                        };
                        drop(subscribe(key("b"), member(), opens).unwrap());
                    }
                });
            }
        });
        assert!(!table().slots.contains_key(&key("b")));
    }
}
