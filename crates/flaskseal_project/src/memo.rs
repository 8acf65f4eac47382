//! What is worked out once for a start or a project, because many rules ask for it.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;

type Slot = Arc<OnceLock<Arc<dyn Any + Send + Sync>>>;

/// One value of each type, made by whoever asks first. The others wait for it.
#[derive(Default)]
pub(crate) struct Memo(Mutex<FxHashMap<TypeId, Slot>>);

impl Memo {
    /// `make` must not hand work to other threads: what waits here could be what they would run.
    pub(crate) fn once<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        // The map is held only to find the slot, so that one value may need another.
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry(TypeId::of::<T>()).or_default().clone()
        };
        let value = slot.get_or_init(|| Arc::new(make())).clone();
        value.downcast().expect("the slot of a type holds a value of it")
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_and_may_need_another() {
        let memo = Memo::default();
        let text = memo.once(|| format!("{}", memo.once(|| 20_u32)));
        assert_eq!(*text, "20");
        assert_eq!(*memo.once(String::new), "20");
        assert_eq!(*memo.once(|| 0_u32), 20);
    }
}
