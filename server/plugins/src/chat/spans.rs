//! The arithmetic of what was seen when. Pure: no clock, no await, no log.

/// The length of a day, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Spans that touch and began within so long are one: a screen shows minutes.
const SAME_TIME_MS: i64 = 60_000;
/// The most spans kept of a person in a conversation: two hours of steady reading, minute by
/// minute, or as many holes; a full group of people with so many still fits into the cache. Beyond
/// it times get coarser; if that is not enough the spans of the oldest messages go, so a receipt
/// may be missing but never claims too much, and what is read now is always recorded.
pub(crate) const SPANS_MAX: usize = 128;
/// After so many days a person's days are merged into one row.
pub(crate) const MERGE_AFTER_DAYS: i64 = 30;

/// The day that a time lies in, counted from the epoch, UTC.
pub(crate) fn day_of(at: i64) -> i64 {
    at.div_euclid(DAY_MS)
}

/// The positions `from..=to` were first seen at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadSpan {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) at: i64,
}

/// Everything that a person saw of a conversation: spans, ascending and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReadSpans(Vec<ReadSpan>);

impl ReadSpans {
    /// What the rows of several days say together: the first time stays.
    pub(crate) fn merged(mut rows: Vec<ReadSpan>) -> ReadSpans {
        rows.sort_unstable_by_key(|span| (span.at, span.from));
        let mut spans = ReadSpans::default();
        for span in rows {
            spans.add(span.from, span.to, span.at);
        }
        spans
    }

    /// Adds what somebody else wrote down of the same person.
    pub(crate) fn merge(&mut self, rows: &[ReadSpan]) {
        let mut all = std::mem::take(&mut self.0);
        all.extend_from_slice(rows);
        *self = ReadSpans::merged(all);
    }

    /// When a position was first seen.
    pub(crate) fn seen_at(&self, seq: u64) -> Option<i64> {
        let next = self.0.get(self.0.partition_point(|span| span.to < seq))?;
        (next.from <= seq).then_some(next.at)
    }

    /// The spans that reach into `from..=to`.
    pub(crate) fn within(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.0.partition_point(|span| span.to < from);
        self.0[first..].iter().take_while(move |span| span.from <= to).map(|s| (s.from, s.to))
    }

    /// Adds what was seen; answers whether any of it is new. Times never go back, or a clock that
    /// does would write into the row of a day that is over.
    pub(crate) fn add(&mut self, from: u64, to: u64, at: i64) -> bool {
        let at = self.0.iter().map(|span| span.at).fold(at, i64::max);
        let missing = self.missing(from, to);
        let Some(&(_, newest)) = missing.last() else { return false };
        for (from, to) in missing {
            let place = self.0.partition_point(|span| span.from < from);
            self.0.insert(place, ReadSpan { from, to, at });
        }
        let mut same_time = SAME_TIME_MS;
        self.join_within(same_time);
        while self.0.len() > SPANS_MAX && same_time < DAY_MS {
            same_time *= 2;
            self.join_within(same_time);
        }
        if self.0.len() > SPANS_MAX {
            self.collapse(day_of(at));
        }
        self.0.drain(..self.0.len().saturating_sub(SPANS_MAX));
        self.seen_at(newest).is_some()
    }

    /// The newest position that was seen; 0 if there is none.
    pub(crate) fn end(&self) -> u64 {
        self.0.last().map_or(0, |span| span.to)
    }

    /// What comes after the newest span, up to here, belongs to it: nobody has to see it.
    pub(crate) fn extend(&mut self, to: u64) {
        if let Some(span) = self.0.last_mut() {
            span.to = span.to.max(to);
        }
    }

    /// How many spans there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    fn missing(&self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let (mut next, mut missing) = (from, Vec::new());
        for (seen_from, seen_to) in self.within(from, to) {
            if next < seen_from {
                missing.push((next, seen_from - 1));
            }
            next = seen_to.saturating_add(1);
        }
        if next <= to {
            missing.push((next, to));
        }
        missing
    }

    /// Gives touching spans of days before this one their first time, and those of this day among
    /// themselves: never across, because the row of this day is written from what is left of it.
    pub(crate) fn collapse(&mut self, today: i64) {
        self.join(|a, b| {
            let (a, b) = (day_of(a.at), day_of(b.at));
            (a < today && b < today) || (a == today && b == today)
        });
    }

    fn join_within(&mut self, ms: i64) {
        let ms = ms.unsigned_abs();
        self.join(|a, b| a.at.abs_diff(b.at) < ms && day_of(a.at) == day_of(b.at));
    }

    fn join(&mut self, same: impl Fn(&ReadSpan, &ReadSpan) -> bool) {
        self.0.dedup_by(|next, span| {
            let touches = span.to + 1 == next.from && same(span, next);
            if touches {
                span.to = next.to;
                span.at = span.at.min(next.at);
            }
            touches
        });
    }

    /// The row of one day.
    pub(crate) fn pack_day(&self, day: i64) -> String {
        pack(self.0.iter().filter(|span| day_of(span.at) == day))
    }

    /// The row of everything before a day.
    pub(crate) fn pack_before(&self, day: i64) -> String {
        pack(self.0.iter().filter(|span| day_of(span.at) < day))
    }

    /// The time of the newest span, which is the day that an [`ReadSpans::add`] wrote into.
    pub(crate) fn newest_at(&self) -> Option<i64> {
        self.0.iter().map(|span| span.at).max()
    }
}

/// `from-to@at` of each, with commas between.
fn pack<'a>(spans: impl Iterator<Item = &'a ReadSpan>) -> String {
    let packed: Vec<_> = spans.map(|s| format!("{}-{}@{}", s.from, s.to, s.at)).collect();
    packed.join(",")
}

/// Reads a packed row; `None` if it is not one.
pub(crate) fn unpack(text: &str) -> Option<Vec<ReadSpan>> {
    let spans = text.split(',').filter(|span| !span.is_empty());
    spans.map(unpack_one).collect()
}

fn unpack_one(text: &str) -> Option<ReadSpan> {
    let (range, at) = text.split_once('@')?;
    let (from, to) = range.split_once('-')?;
    let span = ReadSpan { from: from.parse().ok()?, to: to.parse().ok()?, at: at.parse().ok()? };
    (span.from <= span.to).then_some(span)
}

/// The parts of `from..=to` that lie in a window.
pub(crate) fn clip(window: &[(u64, u64)], from: u64, to: u64) -> Vec<(u64, u64)> {
    let parts = window.iter().map(|&(open, close)| (from.max(open), to.min(close)));
    parts.filter(|(from, to)| from <= to).collect()
}

/// Counts in how many of some spans each position lies. A span costs two searches, however many
/// positions it covers.
pub(crate) struct Tally<'a> {
    seqs: &'a [u64],
    steps: Vec<i64>,
}

impl<'a> Tally<'a> {
    /// Nothing counted yet. The positions ascend.
    pub(crate) fn new(seqs: &'a [u64]) -> Tally<'a> {
        Tally { seqs, steps: vec![0; seqs.len() + 1] }
    }

    /// Counts a span.
    pub(crate) fn span(&mut self, from: u64, to: u64) {
        let first = self.seqs.partition_point(|&seq| seq < from);
        let after = self.seqs.partition_point(|&seq| seq <= to);
        if first < after {
            self.steps[first] += 1;
            self.steps[after] -= 1;
        }
    }

    /// The counts, in the order of the positions.
    pub(crate) fn counts(self) -> Vec<u64> {
        let running = self.steps.iter().scan(0_i64, |sum, step| {
            *sum += step;
            Some(*sum)
        });
        running.take(self.seqs.len()).map(|count| count.unsigned_abs()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    proptest! {
        #[test]
        fn spans_say_what_a_list_of_positions_says(
            reads in prop::collection::vec((1_u64..60, 0_u64..12, 0_i64..200), 0..60)
        ) {
            let (mut spans, mut naive, mut now) = (ReadSpans::default(), BTreeMap::new(), 0);
            for (from, len, wait) in reads {
                now += wait * MINUTE / 4;
                let fresh = (from..=from + len).filter(|seq| !naive.contains_key(seq)).count();
                prop_assert_eq!(spans.add(from, from + len, now), fresh > 0);
                for seq in from..=from + len {
                    naive.entry(seq).or_insert(now);
                }
            }
            for seq in 0..80 {
                let (seen, first) = (spans.seen_at(seq), naive.get(&seq).copied());
                prop_assert_eq!(seen.is_some(), first.is_some());
                if let (Some(seen), Some(first)) = (seen, first) {
                    prop_assert!(seen <= first && day_of(seen) == day_of(first));
                }
            }
            let apart = spans.0.windows(2).all(|two| two[0].to < two[1].from);
            prop_assert!(apart, "{spans:?}");
        }

        #[test]
        fn packing_by_day_and_merging_the_days_loses_no_position(
            reads in prop::collection::vec((1_u64..90, 0_u64..9, 0_i64..40), 1..60)
        ) {
            let (mut spans, mut now) = (ReadSpans::default(), 0);
            for (from, len, hours) in reads {
                now += hours * 60 * MINUTE;
                spans.add(from, from + len, now);
            }
            let days: Vec<_> = (0..=day_of(now)).map(|day| spans.pack_day(day)).collect();
            let rows = days.iter().flat_map(|row| unpack(row).unwrap()).collect();
            prop_assert_eq!(&ReadSpans::merged(rows), &spans);

            let cutoff = day_of(now) / 2;
            let mut folded = spans.clone();
            folded.collapse(cutoff);
            let mut rows = unpack(&folded.pack_before(cutoff)).unwrap();
            for day in cutoff..=day_of(now) {
                rows.extend(unpack(&folded.pack_day(day)).unwrap());
            }
            let folded = ReadSpans::merged(rows);
            for seq in 0..110 {
                let (before, after) = (spans.seen_at(seq), folded.seen_at(seq));
                prop_assert_eq!(before.is_some(), after.is_some());
                prop_assert!(after <= before, "the first time stays");
            }
        }

        #[test]
        fn a_tally_counts_what_counting_one_by_one_counts(
            seqs in prop::collection::btree_set(1_u64..100, 0..20),
            spans in prop::collection::vec((1_u64..100, 0_u64..30), 0..40)
        ) {
            let seqs: Vec<_> = seqs.into_iter().collect();
            let mut tally = Tally::new(&seqs);
            spans.iter().for_each(|&(from, len)| tally.span(from, from + len));
            let naive = |seq: &u64| {
                spans.iter().filter(|&&(from, len)| (from..=from + len).contains(seq)).count()
            };
            let naive: Vec<_> = seqs.iter().map(|seq| naive(seq) as u64).collect();
            prop_assert_eq!(tally.counts(), naive);
        }
    }

    #[test]
    fn reading_on_within_a_minute_is_one_span_and_holes_stay_holes() {
        let mut spans = ReadSpans::default();
        spans.add(1, 3, 0);
        spans.add(4, 5, MINUTE / 2);
        spans.add(9, 9, MINUTE / 2);
        spans.add(6, 7, 3 * MINUTE);
        assert_eq!(spans.pack_day(0), "1-5@0,6-7@180000,9-9@30000");
        assert_eq!(spans.seen_at(8), None);
    }

    #[test]
    fn the_time_of_the_first_look_stays() {
        let mut spans = ReadSpans::default();
        spans.add(5, 5, 7);
        assert!(spans.add(1, 9, 5 * MINUTE));
        assert_eq!(spans.seen_at(5), Some(7));
        assert!(!spans.add(2, 8, 9 * MINUTE));
    }

    #[test]
    fn times_get_coarser_before_anything_is_given_up() {
        let (mut spans, messages) = (ReadSpans::default(), 3 * SPANS_MAX as u64);
        for seq in 1..=messages {
            assert!(spans.add(seq, seq, 2 * seq as i64 * MINUTE));
        }
        for seq in 1..=messages {
            let (seen, read) = (spans.seen_at(seq).unwrap(), 2 * seq as i64 * MINUTE);
            assert!((read - 16 * MINUTE..=read).contains(&seen), "{seq}: {seen} {read}");
        }
    }

    #[test]
    fn of_more_holes_than_are_kept_those_of_the_oldest_messages_go() {
        let mut spans = ReadSpans::default();
        for hole in 1..=SPANS_MAX as u64 {
            assert!(spans.add(10 * hole, 10 * hole, 0));
        }
        assert!(spans.add(9_999, 9_999, 0));
        assert_eq!((spans.seen_at(9_999), spans.seen_at(10)), (Some(0), None));
        assert_eq!((spans.seen_at(20), spans.count()), (Some(0), SPANS_MAX));
        assert!(!spans.add(3, 3, 0), "older than all that is kept");
        let rows = unpack(&spans.pack_day(0)).unwrap();
        let more = [ReadSpan { from: 3, to: 3, at: MINUTE }, ReadSpan { from: 0, to: 0, at: 0 }];
        assert_eq!(ReadSpans::merged(rows.into_iter().chain(more).collect()), spans);
    }

    #[test]
    fn a_row_that_is_not_one_is_refused() {
        assert_eq!(unpack(""), Some(Vec::new()));
        assert_eq!(unpack("3-4@"), None);
        assert_eq!(unpack("4-3@1"), None);
    }

    #[test]
    fn a_window_clips_to_its_spans() {
        assert_eq!(clip(&[(3, 5), (9, u64::MAX)], 4, 12), [(4, 5), (9, 12)]);
        assert_eq!(clip(&[(3, 5)], 6, 8), []);
    }
}
