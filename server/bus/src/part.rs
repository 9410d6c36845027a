//! What is published goes by one of 64 ways.

use std::fmt::{self, Write};

use carillon_protocol::Topic;

/// A 64th of everything that is published. A topic has the same part on every node and in every
/// version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part(u8);

impl Part {
    /// How many there are.
    pub const COUNT: usize = 64;

    /// The part of a topic.
    pub fn of(topic: &Topic) -> Part {
        let mut hash = Fnv::new();
        write!(hash, "{topic}").expect("hashing cannot fail");
        hash.part()
    }

    /// The part of any other name.
    pub fn of_bytes(name: &[u8]) -> Part {
        let mut hash = Fnv::new();
        hash.add(name);
        hash.part()
    }

    /// The part with this number, if there is one: 0 to 63.
    pub fn new(number: u8) -> Option<Part> {
        (usize::from(number) < Part::COUNT).then_some(Part(number))
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Part> {
        (0..).map_while(Part::new)
    }

    /// Its number: 0 to 63.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its number, for arrays.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// FNV-1a with 64 bits: nodes of different versions must agree, so it is not the hash of the
/// standard library, which promises nothing.
struct Fnv(u64);

impl Fnv {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    /// Spreads what the last bytes changed over the upper bits: 2^64 divided by the golden ratio.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new() -> Fnv {
        Fnv(Fnv::BASIS)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(Fnv::PRIME);
        }
    }

    fn part(&self) -> Part {
        // The upper six bits: 0 to 63.
        Part((self.0.wrapping_mul(Fnv::SPREAD) >> 58) as u8)
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::{ConvId, UserId, id::Ulid};

    use super::*;

    fn conv(time: u64, chance: u128) -> Topic {
        Topic::Conv(ConvId(Ulid::from_parts(time, chance)))
    }

    #[test]
    fn a_topic_has_the_same_part_for_ever() {
        let user = Topic::User(UserId(Ulid::from_parts(1_790_000_000_000, 7)));
        let parts = [Part::of(&conv(1_790_000_000_000, 1)), Part::of(&user)];
        assert_eq!(parts.map(Part::number), [39, 63]);
        assert_eq!(Part::of_bytes(b"carillon").number(), 47);
        assert_eq!(Part::of(&user), Part::of_bytes(user.to_string().as_bytes()));
    }

    #[test]
    fn topics_of_one_minute_go_by_all_ways_about_alike() {
        let mut counts = [0_u32; Part::COUNT];
        for n in 0..64_000 {
            counts[Part::of(&conv(1_790_000_000_000 + n, u128::from(n))).index()] += 1;
        }
        let (fewest, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(*fewest > 800 && *most < 1_200, "{fewest} to {most} of 1,000");
    }

    #[test]
    fn there_are_sixty_four() {
        assert_eq!(Part::all().count(), Part::COUNT);
        assert_eq!(Part::new(64), None);
    }
}
