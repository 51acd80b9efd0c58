//! What a thread is doing, from the kernel's files about it (`/proc/self/task/<id>/`; proc(5), proc_pid_syscall(5)).

/// What a thread is doing at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// It runs, or waits for a core.
    Running,
    /// It sleeps in a wait that somebody else in the process has to end.
    Waiting,
    /// It sleeps in such a wait for a limited time.
    WaitingWithLimit,
    /// It sleeps in a call that time or somebody outside the process ends: a timer, a socket, a pipe, another process.
    Outside,
    /// It sleeps in a call about a file.
    File,
    /// Not known.
    #[default]
    Unknown,
}

/// The number of a system call.
pub type Call = std::ffi::c_long;

/// The numbers of the system calls that matter here, which differ from one processor to the next.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// The call in which locks and conditions sleep.
    pub futex: Call,
    /// Calls about files whose first argument need not be a descriptor, or whose work goes to a disk in any case.
    pub files: &'static [Call],
    /// Calls about a descriptor, which may be a file, a pipe or a socket.
    pub descriptors: &'static [Call],
}

/// The text of the file `syscall`. `is_file` says whether a descriptor is one of a regular file.
pub fn doing(syscall: &str, calls: &Calls, is_file: impl FnOnce(u64) -> bool) -> Doing {
    let mut words = syscall.split_ascii_whitespace();
    let number = match words.next() {
        Some("running") => return Doing::Running,
        // Asleep in the kernel, but in no call: a page that comes from the disk.
        Some("-1") => return Doing::File,
        Some(word) => word.parse::<Call>().ok(),
        None => None,
    };
    let Some(number) = number else { return Doing::Unknown };
    let arguments: Option<Vec<u64>> =
        words.take(6).map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()).collect();
    let Some(arguments) = arguments.filter(|arguments| arguments.len() == 6) else { return Doing::Unknown };
    match number {
        // The fourth argument is the time limit; none is a null pointer (futex(2)).
        _ if number == calls.futex && arguments[3] == 0 => Doing::Waiting,
        _ if number == calls.futex => Doing::WaitingWithLimit,
        _ if calls.files.contains(&number) => Doing::File,
        _ if calls.descriptors.contains(&number) && is_file(arguments[0]) => Doing::File,
        _ => Doing::Outside,
    }
}

/// State letter and CPU time in clock ticks, from the text of the file `stat`.
pub fn stat(text: &str) -> Option<(char, u64)> {
    // The name stands in parentheses and may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // utime and stime are fields 14 and 15; the state is field 3.
    let mut times = fields.skip(10).map(str::parse::<u64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((state, user.checked_add(system)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CALLS: Calls = Calls { futex: 202, files: &[74], descriptors: &[1] };

    fn at(text: &str) -> Doing {
        doing(text, &CALLS, |fd| fd == 5)
    }

    #[test]
    fn calls_are_told_apart() {
        assert_eq!(at("running\n"), Doing::Running);
        assert_eq!(at("202 0x7f0 0x189 0x0 0x0 0x0 0xffffffff 0x7ffd 0x7f1\n"), Doing::Waiting);
        assert_eq!(at("202 0x7f0 0x189 0x0 0x7ffc 0x0 0xffffffff 0x7ffd 0x7f1\n"), Doing::WaitingWithLimit);
        assert_eq!(at("230 0x0 0x0 0x7f0 0x7f0 0x0 0x0 0x7ffd 0x7f1\n"), Doing::Outside, "clock_nanosleep");
        assert_eq!(at("74 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f1\n"), Doing::File, "fsync");
        assert_eq!(at("1 0x5 0x7f0 0x10 0x0 0x0 0x0 0x7ffd 0x7f1\n"), Doing::File, "write to a file");
        assert_eq!(at("1 0x6 0x7f0 0x10 0x0 0x0 0x0 0x7ffd 0x7f1\n"), Doing::Outside, "write to a pipe");
        assert_eq!(at("-1 0x7ffd 0x7f1\n"), Doing::File);
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        for text in ["", "202", "202 0x0", "x 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0", "202 a b c d e f g h"] {
            assert_eq!(at(text), Doing::Unknown, "{text:?}");
        }
    }

    #[test]
    fn a_name_with_parentheses_hides_nothing() {
        let text = "7 (a) R (b) S 1 1 1 0 -1 4194304 1 0 0 0 12 30 0 0 20 0 1 0 9 0 0";
        assert_eq!(stat(text), Some(('S', 42)));
        assert_eq!(stat("7 (a"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}") {
            let _ = (at(&text), stat(&text));
        }
    }
}
