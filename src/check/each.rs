//! Maps over many modules on all threads.

use crate::image::Error;
use crate::terms::parallel;

/// Maps over a slice on all threads. What fails for lack of memory is tried once more when the others are done, each on its own: it
/// may have failed only for what the others had in memory.
pub(crate) fn try_each<T: Sync, R: Send>(
    all: &[T],
    make: impl Fn(&T) -> Result<R, Error> + Sync + Send,
) -> Vec<Result<R, Error>> {
    let mut made = parallel::map(all, &make);
    for (item, result) in all.iter().zip(&mut made) {
        if result.as_ref().is_err_and(Error::is_about_memory) {
            *result = make(item);
        }
    }
    made
}
