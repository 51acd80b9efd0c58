//! How much memory there is, how much of it frames may use, and who uses it.

pub mod budget;
pub mod machine;
pub mod tiers;

use std::sync::{Arc, OnceLock};

use budget::{Budget, Policy};
use machine::Machine;

/// The machine as it was when something first asked.
pub fn machine() -> &'static Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    MACHINE.get_or_init(Machine::detect)
}

/// The one budget of the process, made from the machine and the `STEADY_MEMORY_*` variables when first asked for.
pub fn process_budget() -> &'static Arc<Budget> {
    static BUDGET: OnceLock<Arc<Budget>> = OnceLock::new();
    BUDGET.get_or_init(|| {
        let variable = |name: &str| std::env::var(name).ok();
        let limit = Policy::from_env(variable).limit(machine().effective);
        Arc::new(Budget::new(machine::bytes_variable("STEADY_MEMORY_LIMIT", variable).unwrap_or(limit)))
    })
}
