//! How much memory there is, how much of it frames may use, and who uses it.

pub mod budget;
pub mod low;
pub mod machine;
pub mod tiers;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use budget::{Budget, LEAST_LIMIT, Policy};
use low::{LOOK_INTERVAL, LowMemory, Supply};
use machine::Machine;

use super::clock::Nanos;

/// The one account of the process and what decides its limit.
struct Process {
    machine: Machine,
    budget: Arc<Budget>,
    state: Mutex<State>,
}

struct State {
    policy: Policy,
    /// `STEADY_MEMORY_LIMIT`: stands above the policy.
    fixed: Option<u64>,
    low: LowMemory,
    supply: Supply,
    looked: Option<Nanos>,
}

/// Read from the machine and the environment when something first asks.
fn process() -> &'static Process {
    static PROCESS: OnceLock<Process> = OnceLock::new();
    PROCESS.get_or_init(|| {
        let variable = |name: &str| std::env::var(name).ok();
        let machine = Machine::detect();
        let policy = Policy::from_env(variable);
        let fixed = machine::bytes_variable("STEADY_MEMORY_LIMIT", variable);
        let limit = fixed.unwrap_or(policy.limit(machine.effective));
        let state = State { policy, fixed, low: LowMemory::new(limit), supply: Supply::Plenty, looked: None };
        Process { machine, budget: Arc::new(Budget::new(limit)), state: Mutex::new(state) }
    })
}

fn state(process: &Process) -> std::sync::MutexGuard<'_, State> {
    process.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The machine as it was when something first asked.
pub fn machine() -> &'static Machine {
    &process().machine
}

/// The one budget of the process.
pub fn process_budget() -> &'static Arc<Budget> {
    &process().budget
}

/// The policy in force.
pub fn policy() -> Policy {
    state(process()).policy
}

/// Changes the policy, and with it the limit at once. A limit from `STEADY_MEMORY_LIMIT` stays.
pub fn set_policy(policy: Policy) {
    let process = process();
    let mut state = state(process);
    state.policy = policy;
    let limit = state.fixed.unwrap_or(policy.limit(process.machine.effective));
    state.low.set_full(limit);
    process.budget.set_limit(limit);
}

/// How the system is off. Looks at the available memory if the last look is a second old, and moves the limit.
/// `now` comes from one clock for the whole process, such as the one that counts from boot.
pub fn supply(now: Nanos) -> Supply {
    let process = process();
    let mut state = state(process);
    if state.looked.is_none_or(|looked| now.saturating_sub(looked) >= LOOK_INTERVAL) {
        state.looked = Some(now);
        let reserve = state.policy.effective_reserve(process.machine.effective);
        let available = Machine::detect().available;
        state.supply = state.low.look(now, available, reserve, LEAST_LIMIT);
        let limit = state.low.limit();
        if limit != process.budget.used_and_limit().1 {
            process.budget.set_limit(limit);
        }
    }
    state.supply
}
