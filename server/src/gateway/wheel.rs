//! A hashed timer wheel: one a shard, instead of a timer a connection.

/// A wheel with a slot for each second; later deadlines come by more than once.
#[derive(Debug)]
pub struct Wheel<T> {
    slots: Vec<Vec<T>>,
    now: u32,
}

/// Enough for a heartbeat's deadline: what is due later is looked at once on the way.
const SLOTS: u32 = 128;

impl<T> Wheel<T> {
    /// An empty wheel at second 0.
    pub fn new() -> Wheel<T> {
        Wheel { slots: (0..SLOTS).map(|_| Vec::new()).collect(), now: 0 }
    }

    /// The present second.
    pub fn now(&self) -> u32 {
        self.now
    }

    /// Asks to be looked at after so many seconds, 1 at least and [`SLOTS`] − 1 at most.
    pub fn after(&mut self, seconds: u32, item: T) {
        let at = self.now + seconds.clamp(1, SLOTS - 1);
        self.slots[(at % SLOTS) as usize].push(item);
    }

    /// A second passes: what is to be looked at.
    pub fn tick(&mut self) -> Vec<T> {
        self.now += 1;
        std::mem::take(&mut self.slots[(self.now % SLOTS) as usize])
    }

    /// How many items wait.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.slots.iter().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_comes_by_after_its_seconds_and_once() {
        let mut wheel = Wheel::new();
        wheel.after(3, "three");
        wheel.after(0, "at once");
        wheel.after(10_000, "far");
        let mut seen = Vec::new();
        for _ in 0..300 {
            let due = wheel.tick();
            seen.extend(due.into_iter().map(|item| (wheel.now(), item)));
        }
        assert_eq!(seen, [(1, "at once"), (3, "three"), (127, "far")]);
    }
}
