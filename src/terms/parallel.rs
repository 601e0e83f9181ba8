//! Work on all of rayon's threads, or on one where the system gives no others (`ulimit -u`, memory). No other file of the library uses
//! rayon: it panics if its threads cannot be started.

use std::error::Error as _;
use std::sync::OnceLock;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

/// Starts rayon's threads if they are not running yet. Returns whether there are any.
fn has_threads() -> bool {
    static STARTED: OnceLock<bool> = OnceLock::new();
    // On a thread of some pool, that pool is used.
    rayon::current_thread_index().is_some()
        || *STARTED.get_or_init(|| match ThreadPoolBuilder::new().build_global() {
            Ok(()) => true,
            // Without a source, the error is that the program has started them already.
            Err(error) => error.source().is_none(),
        })
}

/// How many threads share the work.
pub(crate) fn threads() -> usize {
    if has_threads() { rayon::current_num_threads() } else { 1 }
}

/// How many items a thread takes at once. Without a limit rayon leaves a quarter of all items to one of two threads, and the other
/// waits at the end.
const PIECE: usize = 4;

/// Maps a function over a slice. For a single item no thread is started.
pub(crate) fn map<T: Sync, R: Send>(all: &[T], make: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    if all.len() > 1 && has_threads() {
        all.par_iter().with_max_len(PIECE).map(make).collect()
    } else {
        all.iter().map(make).collect()
    }
}

/// Maps a function over items that it takes over.
pub(crate) fn map_into<T: Send, R: Send>(all: Vec<T>, make: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    if all.len() > 1 && has_threads() {
        all.into_par_iter().with_max_len(PIECE).map(make).collect()
    } else {
        all.into_iter().map(make).collect()
    }
}

/// Does work of several parts, each of which is shared, on one of the threads that share them: between the parts, nothing has to wait
/// for the thread that called this.
pub(crate) fn inside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if has_threads() { rayon::scope(|_| work()) } else { work() }
}

/// Does two things at once.
pub(crate) fn join<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B + Send) -> (A, B) {
    if has_threads() { rayon::join(one, other) } else { (one(), other()) }
}

/// Sorts by a key; equal items stay in their order.
pub(crate) fn sort_by_key<T: Send, K: Ord>(all: &mut [T], key: impl Fn(&T) -> K + Sync + Send) {
    if has_threads() { all.par_sort_by_key(key) } else { all.sort_by_key(key) }
}

/// Frees memory, which may take a while, without waiting for it.
pub(crate) fn free<T: Send + 'static>(leftover: T) {
    if has_threads() {
        rayon::spawn(move || drop(leftover));
    }
}
