//! Runs compilers side by side.

use std::sync::Mutex;
use std::thread::Builder;

/// The results of `work` on each item, in the order of the items, computed on `jobs` threads.
pub(super) fn in_parallel<T: Send, R: Send>(items: Vec<T>, jobs: usize, work: impl Fn(usize, T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    let work_all = || {
        loop {
            let taken = next.lock().ok().and_then(|mut next| next.next());
            let Some((number, item)) = taken else { break };
            let result = work(number, item);
            if let Ok(mut done) = done.lock() {
                done.push((number, result));
            }
        }
    };
    std::thread::scope(|scope| {
        // If there are no more threads to be had, this one and those that were started do all the work.
        for _ in 1..jobs {
            if Builder::new().spawn_scoped(scope, work_all).is_err() {
                break;
            }
        }
        work_all();
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}
