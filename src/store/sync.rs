//! What threads wait with.

pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
