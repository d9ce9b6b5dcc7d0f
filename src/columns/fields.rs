//! Which columns are which fields of the type that a result set's rows are deserialized into.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is known of the fields of one type: the first one that rows are deserialized into.
///
/// It is found at the second row, so that a single one does not pay for it.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// The first type; 0 before there is one.
    first: AtomicUsize,
    places: OnceLock<Box<[Option<u32>]>>,
}

impl Fields {
    /// For each column its field's place in the type; `None` where only the name tells. `None` if
    /// nothing is known of this type.
    pub(crate) fn places(&self, of: usize) -> Option<&[Option<u32>]> {
        let places = self.places.get()?;
        (self.first.load(Ordering::Relaxed) == of).then_some(places)
    }

    /// Notes that a row was deserialized into a type; `true` if its places are to be found now.
    pub(crate) fn note(&self, of: usize) -> bool {
        if self.places.get().is_some() {
            return false;
        }
        self.first.compare_exchange(0, of, Ordering::Relaxed, Ordering::Relaxed) == Err(of)
    }

    /// Keeps the places in the type that [`note`](Self::note) asked for.
    pub(crate) fn keep(&self, places: Box<[Option<u32>]>) {
        // Another thread that read a row of the same result set may have been first, with the same.
        let _ = self.places.set(places);
    }
}

/// Columns that are copied are on their way to become others.
impl Clone for Fields {
    fn clone(&self) -> Self {
        Self::default()
    }
}
