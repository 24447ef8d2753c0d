//! What slots are made of, under one name: the tests that try every interleaving put others here.

pub(crate) use crate::words::Words;
pub(crate) use core::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, Mutex, PoisonError, RwLock};
