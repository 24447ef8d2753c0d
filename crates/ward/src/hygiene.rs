//! What of this process's memory may reach a disk: nothing, as far as the system lets us.
//!
//! No core dump (`PR_SET_DUMPABLE`, `RLIMIT_CORE`), which also keeps other processes of the same
//! user from attaching; no swap (`mlockall`), where the limit allows it. Where it does not, `ward
//! doctor` says so, and `custody.lock_memory = true` refuses to start.
//! Best test: `interop/leak.py`.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior,
    setrlimit,
};
use rustix::thread::{CapabilitySet, capabilities};

/// How this process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// A crash writes no memory to disk.
    pub no_dump: bool,
    /// Memory stays out of swap.
    pub no_swap: bool,
}

/// Forbids core dumps, for whatever this process goes on to do.
pub fn forbid_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Both may fail only where the system has no core dumps to forbid; `standing` looks again.
    let _limited = setrlimit(Resource::Core, none);
    let _undumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Keeps memory out of swap, if the limit lets all of it be locked.
///
/// WHY not as far as a limit goes: past it the next allocation fails, and the process ends.
pub fn forbid_swap() -> bool {
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    let may = capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::IPC_LOCK));
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    (unlimited || may) && mlockall(flags).is_ok()
}

/// How this process stands, as the system tells.
pub fn standing(no_swap: bool) -> Memory {
    let dumps = dumpable_behavior() != Ok(DumpableBehavior::NotDumpable);
    let limit = getrlimit(Resource::Core).current != Some(0);
    Memory { no_dump: !(dumps && limit), no_swap }
}
