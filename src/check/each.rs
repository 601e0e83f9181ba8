//! Maps over many modules on all threads.

use rayon::prelude::*;

use crate::image::Error;

/// Maps a function over a slice on all threads. For a single item no thread is started.
pub(super) fn of_each<T: Sync, R: Send>(all: &[T], make: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    match all {
        [] | [_] => all.iter().map(make).collect(),
        _ => all.par_iter().map(make).collect(),
    }
}

/// Maps over a slice on all threads. What fails for lack of memory is tried once more when the others are done, each on its own: it
/// may have failed only for what the others had in memory.
pub(crate) fn try_each<T: Sync, R: Send>(
    all: &[T],
    make: impl Fn(&T) -> Result<R, Error> + Sync + Send,
) -> Vec<Result<R, Error>> {
    let mut made = of_each(all, &make);
    for (item, result) in all.iter().zip(&mut made) {
        if result.as_ref().is_err_and(Error::is_about_memory) {
            *result = make(item);
        }
    }
    made
}
