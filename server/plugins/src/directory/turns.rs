//! Whose turn it is, where there are few places: sources take turns, however many wait of each.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Places that sources share fairly. When nobody else may wait, the last one of the source of which
/// most wait gives way to one of a source of which fewer do.
#[derive(Debug)]
pub(super) struct Turns<S: Copy + Eq + Hash> {
    waiting_max: usize,
    state: Mutex<State<S>>,
}

#[derive(Debug)]
struct State<S: Copy + Eq + Hash> {
    free: usize,
    waiting: HashMap<S, VecDeque<oneshot::Sender<Turn<S>>>>,
    /// The sources of which somebody waits, the next one first.
    order: VecDeque<S>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<S: Copy + Eq + Hash>(Option<Arc<Turns<S>>>);

impl<S: Copy + Eq + Hash> Drop for Turn<S> {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

impl<S: Copy + Eq + Hash> Turns<S> {
    /// So many places, for which so many may wait.
    pub(super) fn new(places: usize, waiting_max: usize) -> Arc<Turns<S>> {
        let state = State { free: places, waiting: HashMap::new(), order: VecDeque::new() };
        Arc::new(Turns { waiting_max, state: Mutex::new(state) })
    }

    /// Waits for a place; none, if too many wait.
    pub(super) async fn take(self: &Arc<Turns<S>>, source: S) -> Option<Turn<S>> {
        let turn = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Some(Turn(Some(Arc::clone(self))));
            }
            if !state.has_room(source, self.waiting_max) {
                return None;
            }
            state.join(source)
        };
        // Who had to give way is never answered.
        turn.await.ok()
    }

    fn pass_on(self: Arc<Turns<S>>) {
        let mut state = self.state();
        while let Some(next) = state.next() {
            match next.send(Turn(Some(Arc::clone(&self)))) {
                Ok(()) => return,
                // Gone meanwhile: the place is for the one after.
                Err(mut turn) => drop(turn.0.take()),
            }
        }
        state.free += 1;
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        // Nothing in here panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Copy + Eq + Hash> State<S> {
    fn join(&mut self, source: S) -> oneshot::Receiver<Turn<S>> {
        let (give, turn) = oneshot::channel();
        let queue = self.waiting.entry(source).or_default();
        if queue.is_empty() {
            self.order.push_back(source);
        }
        queue.push_back(give);
        turn
    }

    /// The next one of the next source, which then comes last.
    fn next(&mut self) -> Option<oneshot::Sender<Turn<S>>> {
        let source = self.order.pop_front()?;
        let queue = self.waiting.get_mut(&source)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&source);
        } else {
            self.order.push_back(source);
        }
        next
    }

    /// Whether one more of this source may wait, for which another one may have to give way.
    fn has_room(&mut self, source: S, waiting_max: usize) -> bool {
        if self.len() < waiting_max {
            return true;
        }
        self.forget_who_is_gone();
        if self.len() < waiting_max {
            return true;
        }
        let own = self.waiting.get(&source).map_or(0, VecDeque::len);
        let greediest = self.waiting.values_mut().max_by_key(|queue| queue.len());
        match greediest {
            Some(queue) if queue.len() > own + 1 => queue.pop_back().is_some(),
            _ => false,
        }
    }

    fn forget_who_is_gone(&mut self) {
        for queue in self.waiting.values_mut() {
            queue.retain(|waiting| !waiting.is_closed());
        }
        self.waiting.retain(|_, queue| !queue.is_empty());
        self.order.retain(|source| self.waiting.contains_key(source));
    }

    fn len(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Option<Turn<char>>>>>;

    /// Somebody of a source who waits.
    fn join(turns: &Arc<Turns<char>>, source: char) -> Waiting {
        let turns = Arc::clone(turns);
        let mut waiting: Waiting = Box::pin(async move { turns.take(source).await });
        assert!(poll(&mut waiting).is_pending(), "there is no place");
        waiting
    }

    fn poll(waiting: &mut Waiting) -> Poll<Option<Turn<char>>> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn sources_take_turns_however_many_wait_of_each() {
        let turns = Turns::new(1, 10);
        let first = turns.take('a').await;
        let mut waiting: Vec<_> =
            "aaaabc".chars().map(|source| (source, join(&turns, source))).collect();
        drop(first);
        let mut served = String::new();
        while !waiting.is_empty() {
            for index in 0..waiting.len() {
                if let Poll::Ready(turn) = poll(&mut waiting[index].1) {
                    served.push(waiting.remove(index).0);
                    drop(turn.expect("there is room for all"));
                    break;
                }
            }
        }
        assert_eq!(served, "abcaaa");
        assert!(turns.take('d').await.is_some(), "the place is free again");
    }

    #[tokio::test]
    async fn who_waits_most_gives_way_to_who_waits_less_and_to_nobody_else() {
        let turns = Turns::new(1, 4);
        let _place = turns.take('a').await;
        let mut greedy: Vec<_> = (0..4).map(|_| join(&turns, 'a')).collect();
        assert!(turns.take('a').await.is_none(), "nobody gives way to the same source");
        let _others = [join(&turns, 'b'), join(&turns, 'c')];
        for (index, waiting) in greedy.iter_mut().enumerate() {
            let gave_way = matches!(poll(waiting), Poll::Ready(None));
            assert_eq!(gave_way, index >= 2, "{index}");
        }
        assert!(turns.take('b').await.is_none(), "two of each would be no fairer");
    }

    #[tokio::test]
    async fn who_goes_away_leaves_room_and_takes_no_place_along() {
        let turns = Turns::new(1, 2);
        let place = turns.take('a').await;
        let gone = [join(&turns, 'a'), join(&turns, 'b')];
        drop(gone);
        let mut waiting = join(&turns, 'c');
        drop(place);
        assert!(matches!(poll(&mut waiting), Poll::Ready(Some(_))));
        assert!(turns.take('d').await.is_some(), "given to who never took it, it comes back");
    }
}
