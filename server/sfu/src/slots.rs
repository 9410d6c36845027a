//! Which slot shows what. Whatever stays wanted keeps its slot, so that nothing on a screen jumps.

/// Gives the wanted ones, the most important first, slots among these. Those that are wanted no
/// more lose theirs. Answers whether anything changed.
pub(crate) fn assign<K: Copy + PartialEq>(slots: &mut [Option<K>], wanted: &[K]) -> bool {
    let wanted = &wanted[..wanted.len().min(slots.len())];
    let mut changed = false;
    for slot in slots.iter_mut() {
        if slot.is_some_and(|shows| !wanted.contains(&shows)) {
            *slot = None;
            changed = true;
        }
    }
    for key in wanted {
        if slots.contains(&Some(*key)) {
            continue;
        }
        if let Some(free) = slots.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(*key);
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_stays_wanted_keeps_the_slot() {
        let mut slots = [Some(1), Some(2), None];
        assert!(assign(&mut slots, &[3, 2]));
        assert_eq!(slots, [Some(3), Some(2), None]);
        assert!(!assign(&mut slots, &[2, 3]));
    }

    proptest! {
        #[test]
        fn the_first_wanted_ones_have_one_slot_each(
            before in prop::collection::vec(prop::option::of(0..9u8), 1..6),
            wanted in prop::collection::hash_set(0..9u8, 0..9),
        ) {
            let mut slots = Vec::new();
            for slot in before {
                slots.push(slot.filter(|key| !slots.contains(&Some(*key))));
            }
            let wanted: Vec<u8> = wanted.into_iter().collect();
            let held = slots.clone();
            assign(&mut slots, &wanted);
            let first = &wanted[..wanted.len().min(slots.len())];
            for key in first {
                prop_assert_eq!(slots.iter().filter(|slot| **slot == Some(*key)).count(), 1);
                if let Some(at) = held.iter().position(|slot| *slot == Some(*key)) {
                    prop_assert_eq!(slots[at], Some(*key));
                }
            }
            prop_assert!(slots.iter().flatten().all(|key| first.contains(key)));
        }
    }
}
