//! The memory that one run may use for the contents of files.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ByteSize;

/// How many bytes of the contents of files, as they are stored and decompressed, and of what is kept of them, may be in memory at a
/// time. Clones share one account, also between threads.
///
/// Whoever reads or decompresses a file takes its size from the budget first, and fails where it does not fit: sizes and compressed
/// data may be hostile. So does whoever keeps what is computed from the contents of many files.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    limit: u64,
    taken: AtomicU64,
}

impl Default for Budget {
    /// A budget of 1 GiB. Checking a module with the package of a distribution's kernel image takes a fifth of it, and checking all
    /// modules of that package three quarters.
    fn default() -> Self {
        Self::new(1 << 30)
    }
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Account { limit, taken: AtomicU64::new(0) }))
    }

    /// How many bytes may be in memory at a time.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// How many bytes are in memory.
    pub fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Counts bytes that are about to be in memory.
    ///
    /// # Errors
    /// If they do not fit into what is left.
    pub(crate) fn take(&self, size: usize) -> Result<Claim, OverBudget> {
        let mut claim = self.hold(0);
        claim.grow(size)?;
        Ok(claim)
    }

    /// Counts bytes that are in memory already, whether they fit or not.
    pub(crate) fn hold(&self, size: usize) -> Claim {
        self.0.taken.fetch_add(size as u64, Ordering::Relaxed);
        Claim { budget: Some(self.clone()), size: size as u64 }
    }
}

/// A part of a budget, returned to it when this is dropped. The default is no part of any.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Claim {
    budget: Option<Budget>,
    size: u64,
}

impl Claim {
    /// Counts so many bytes more.
    ///
    /// # Errors
    /// If they do not fit into what is left; nothing is counted then.
    pub(crate) fn grow(&mut self, by: usize) -> Result<(), OverBudget> {
        let by = by as u64;
        if let Some(Budget(account)) = &self.budget {
            let fits = |taken: u64| taken.checked_add(by).filter(|all| *all <= account.limit);
            if account.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
                return Err(OverBudget { limit: account.limit });
            }
        }
        self.size += by;
        Ok(())
    }

    /// Counts `size` bytes in all, or as many as are counted already.
    ///
    /// # Errors
    /// As [`Claim::grow`].
    pub(crate) fn grow_to(&mut self, size: usize) -> Result<(), OverBudget> {
        match (size as u64).checked_sub(self.size).and_then(|more| usize::try_from(more).ok()) {
            Some(more) => self.grow(more),
            None => Ok(()),
        }
    }

    /// How many bytes are counted.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Returns what is beyond `size` to the budget.
    pub(crate) fn shrink_to(&mut self, size: usize) {
        let less = self.size.saturating_sub(size as u64);
        self.size -= less;
        if let Some(Budget(account)) = self.budget.as_ref().filter(|_| less > 0) {
            account.taken.fetch_sub(less, Ordering::Relaxed);
        }
    }

    /// The budget that this is a part of; a budget of its own if it is no part of any.
    pub(crate) fn budget(&self) -> Budget {
        self.budget.clone().unwrap_or_default()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// Contents that would exceed the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it needs more memory than the {} that gplok may use for the contents of files (--max-memory)", ByteSize(*limit))]
pub struct OverBudget {
    /// The limit in bytes.
    pub limit: u64,
}

/// Bytes in memory, with their part of the budget.
#[derive(Debug, Default)]
pub struct CountedBytes {
    bytes: Vec<u8>,
    claim: Claim,
}

impl CountedBytes {
    /// `claim` is for at least these bytes. What is beyond them is returned.
    pub(crate) fn new(bytes: Vec<u8>, mut claim: Claim) -> Self {
        claim.shrink_to(bytes.len());
        Self { bytes, claim }
    }

    /// The budget that they are counted in.
    pub(crate) fn budget(&self) -> Budget {
        self.claim.budget()
    }

    /// Keeps only the bytes of a range; none if it is not inside.
    pub(crate) fn narrow(&mut self, range: std::ops::Range<usize>) {
        self.bytes.truncate(range.end);
        self.bytes.drain(..range.start.min(self.bytes.len()));
        self.bytes.shrink_to_fit();
        self.claim.shrink_to(self.bytes.len());
    }

    pub(crate) fn into_parts(self) -> (Vec<u8>, Claim) {
        (self.bytes, self.claim)
    }

    /// The bytes, to be changed in their place.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Deref for CountedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Vec<u8>> for CountedBytes {
    /// Bytes that are in memory anyway, and counted nowhere.
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, claim: Claim::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What does not fit is refused as a whole, and what is dropped makes room again.
    #[test]
    fn a_budget_is_one_account() {
        let budget = Budget::new(100);
        let mut first = budget.take(60).expect("it fits");
        assert_eq!(budget.clone().take(41).expect_err("it does not"), OverBudget { limit: 100 });
        assert_eq!(budget.taken(), 60);
        first.shrink_to(20);
        let second = budget.take(80).expect("it fits now");
        assert!(first.grow(1).is_err() && first.budget.is_some());
        drop(second);
        first.grow(80).expect("all of it");
        drop((budget.hold(50), first));
        assert_eq!(budget.taken(), 0);
        assert!(budget.take(usize::MAX).is_err(), "no sum overflows");
    }

    #[test]
    fn a_limit_is_named_as_it_is_given() {
        let error = Budget::new(3 << 29).take(usize::MAX).expect_err("too much");
        let text = "it needs more memory than the 1536 MiB that gplok may use for the contents of files (--max-memory)";
        assert_eq!(error.to_string(), text);
    }
}
