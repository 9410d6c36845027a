//! How far the others are: in small conversations everybody sees cursors move.
//!
//! What moves is told at once; what moves in the second after that is told at its end, so that a
//! person who scrolls costs everybody a frame a second, not one for each screen.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use carillon_protocol::{ConvId, UserId, receipt::CursorsData};

/// Cursors are told this often.
const EVERY: Duration = Duration::from_secs(1);
/// They are told earlier if they move in so many conversations: bounds what is gathered.
const CONVS_MAX: usize = 10_000;

type Moved = BTreeMap<ConvId, BTreeMap<UserId, u64>>;

#[derive(Debug, Default)]
struct Gathered {
    moved: Moved,
    /// Whether somebody comes to tell it.
    waits: bool,
}

/// Cursors that moved and are not told yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moves(Arc<Mutex<Gathered>>);

impl Moves {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that cursors moved, now or soon.
    pub(crate) fn add(
        &self,
        moves: impl IntoIterator<Item = (ConvId, UserId, u64)>,
        tell: impl Fn(ConvId, &CursorsData) + Send + 'static,
    ) {
        let (moved, waits) = {
            let mut gathered = self.lock();
            for (conv, user, seq) in moves {
                let known = gathered.moved.entry(conv).or_default().entry(user).or_default();
                *known = seq.max(*known);
            }
            let len = gathered.moved.len();
            if len == 0 || (gathered.waits && len < CONVS_MAX) {
                return;
            }
            (mem::take(&mut gathered.moved), mem::replace(&mut gathered.waits, true))
        };
        tell_all(moved, &tell);
        if !waits {
            tokio::spawn(self.clone().tell_the_rest(tell));
        }
    }

    /// It ends with the first second in which nothing moved.
    async fn tell_the_rest(self, tell: impl Fn(ConvId, &CursorsData)) {
        loop {
            tokio::time::sleep(EVERY).await;
            let moved = {
                let mut gathered = self.lock();
                gathered.waits = !gathered.moved.is_empty();
                mem::take(&mut gathered.moved)
            };
            if moved.is_empty() {
                return;
            }
            tell_all(moved, &tell);
        }
    }
}

fn tell_all(moved: Moved, tell: &impl Fn(ConvId, &CursorsData)) {
    for (conv, cursors) in moved {
        tell(conv, &CursorsData { cursors: cursors.into_iter().collect() });
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cursor_is_told_at_once_and_then_once_a_second() {
        let (moves, told) = (Moves::default(), Arc::new(Mutex::new(Vec::new())));
        let add = |conv: u128, user: u128, seq| {
            let told = told.clone();
            moves.add([(ConvId(Ulid(conv)), UserId(Ulid(user)), seq)], move |conv, data| {
                let cursors = data.cursors.iter().map(|&(user, seq)| (user.0.0, seq));
                told.lock().unwrap().push((conv.0.0, cursors.collect::<Vec<_>>()));
            });
        };
        let told = || mem::take(&mut *told.lock().unwrap());
        let after = async |ms| tokio::time::sleep(Duration::from_millis(ms)).await;

        add(1, 7, 3);
        assert_eq!(told(), [(1, vec![(7, 3)])]);
        for seq in 4..30 {
            add(1, 7, seq);
        }
        add(1, 8, 3);
        add(2, 7, 2);
        assert_eq!(told(), []);
        after(1_001).await;
        assert_eq!(told(), [(1, vec![(7, 29), (8, 3)]), (2, vec![(7, 2)])]);
        add(2, 7, 4);
        assert_eq!(told(), []);
        after(1_000).await;
        assert_eq!(told(), [(2, vec![(7, 4)])]);
        after(1_000).await;
        add(2, 7, 5);
        assert_eq!(told(), [(2, vec![(7, 5)])], "nobody was told anything for a second");
    }
}
