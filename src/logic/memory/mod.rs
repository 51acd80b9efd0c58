//! How much memory there is, how much of it frames may use, and who uses it.

pub mod budget;
pub mod low;
pub mod machine;
pub mod policy;
pub mod slabs;
pub mod tiers;

use std::sync::{Arc, LazyLock};

use budget::Budget;
use low::{LOOK_INTERVAL, LowMemory, Supply};
use machine::Machine;
use policy::{LEAST_LIMIT, Policy};

use super::clock::Nanos;
use super::sync::{Mutex, MutexGuard, lock};

/// The one account of the process and the means to regulate its limit.
struct Process {
    machine: Machine,
    budget: Arc<Budget>,
    regulation: Mutex<Regulation>,
}

/// How the limit follows from the policy and from the memory that is left.
struct Regulation {
    policy: Policy,
    /// `STEADY_MEMORY_LIMIT`: stands above the policy.
    fixed: Option<u64>,
    low: LowMemory,
    supply: Supply,
    looked: Option<Nanos>,
}

/// Read from the machine and the environment when something first asks.
static PROCESS: LazyLock<Process> = LazyLock::new(|| {
    let variable = |name: &str| std::env::var(name).ok();
    let machine = Machine::detect();
    let policy = Policy::from_env(variable);
    let fixed = machine::bytes_variable("STEADY_MEMORY_LIMIT", variable);
    let limit = fixed.unwrap_or(policy.limit(machine.effective));
    let regulation = Regulation { policy, fixed, low: LowMemory::new(limit), supply: Supply::Plenty, looked: None };
    Process { machine, budget: Arc::new(Budget::new(limit)), regulation: Mutex::new(regulation) }
});

fn regulation() -> MutexGuard<'static, Regulation> {
    lock(&PROCESS.regulation)
}

/// The machine as it was when something first asked.
pub fn machine() -> &'static Machine {
    &PROCESS.machine
}

/// The one budget of the process.
pub fn process_budget() -> &'static Arc<Budget> {
    &PROCESS.budget
}

/// The policy in force.
pub fn policy() -> Policy {
    regulation().policy
}

/// What the limit follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitedBy {
    /// The policy and the machine's memory.
    Policy,
    /// `STEADY_MEMORY_LIMIT`.
    Variable,
}

/// What the limit follows from.
pub fn limited_by() -> LimitedBy {
    match regulation().fixed {
        Some(_) => LimitedBy::Variable,
        None => LimitedBy::Policy,
    }
}

/// Changes the policy, and with it the limit at once; caches give back what is too much. A limit from `STEADY_MEMORY_LIMIT` stays.
pub fn set_policy(policy: Policy) {
    {
        let mut regulation = regulation();
        regulation.policy = policy;
        let limit = regulation.fixed.unwrap_or(policy.limit(PROCESS.machine.effective));
        regulation.low.set_full(limit);
        PROCESS.budget.set_limit(limit);
    }
    PROCESS.budget.enforce();
}

/// The memory that the system has left. Looks at it if the last look is a second old, and moves the limit.
/// `now` comes from one clock for the whole process, such as [`monotonic`](super::clock::monotonic).
pub fn supply(now: Nanos) -> Supply {
    let (supply, moved) = look(now);
    if moved {
        PROCESS.budget.enforce();
    }
    supply
}

/// The same, and whether the limit has moved.
fn look(now: Nanos) -> (Supply, bool) {
    let mut regulation = regulation();
    let mut moved = false;
    if regulation.looked.is_none_or(|looked| now.saturating_sub(looked) >= LOOK_INTERVAL) {
        regulation.looked = Some(now);
        let reserve = regulation.policy.effective_reserve(PROCESS.machine.effective);
        let available = Machine::detect().available;
        regulation.supply = regulation.low.look(now, available, reserve, LEAST_LIMIT);
        let limit = regulation.low.limit();
        if limit != PROCESS.budget.used_and_limit().1 {
            PROCESS.budget.set_limit(limit);
            moved = true;
        }
    }
    (regulation.supply, moved)
}
