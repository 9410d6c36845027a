//! What a subscriber relies on, whatever the link and the tiles do.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const ROUND: Duration = Duration::from_millis(250);
const CLASSES: [Class; 3] = [Class::Screen, Class::Speaker, Class::Other];
const CAMERA: [LayerRate; 3] = [
    LayerRate { bps: 100_000, width: 320, height: 180 },
    LayerRate { bps: 350_000, width: 640, height: 360 },
    LayerRate { bps: 1_300_000, width: 1_280, height: 720 },
];

/// A wish that owns its layers.
#[derive(Debug, Clone)]
struct Tile {
    layers: Vec<LayerRate>,
    width: u16,
    height: u16,
    class: Class,
}

impl Tile {
    fn wish(&self) -> Wish<'_> {
        let Tile { layers, width, height, class } = self;
        Wish { layers, width: *width, height: *height, class: *class }
    }
}

fn wishes(tiles: &[Tile]) -> Vec<(usize, Wish<'_>)> {
    tiles.iter().map(Tile::wish).enumerate().collect()
}

fn camera(width: u16, class: Class) -> Tile {
    Tile { layers: CAMERA.to_vec(), width, height: width / 16 * 9, class }
}

fn cost(tiles: &[Tile], chosen: &[Option<usize>]) -> u64 {
    tiles.iter().zip(chosen).filter_map(|(tile, layer)| Some(tile.layers[(*layer)?].bps)).sum()
}

prop_compose! {
    fn a_tile()(
        steps in prop::collection::vec(20_000_u64..900_000, 0..4),
        width in 0_u16..1_500,
        class in 0_usize..3,
        sizes_known in prop::bool::weighted(0.9),
    ) -> Tile {
        let mut bps = 0;
        let layer = |(nth, step): (usize, &u64)| {
            bps += step;
            let width = if sizes_known { 320 << nth } else { 0 };
            LayerRate { bps, width, height: width / 16 * 9 }
        };
        let layers = steps.iter().enumerate().map(layer).collect();
        Tile { layers, width, height: width / 16 * 9, class: CLASSES[class] }
    }
}

fn tiles() -> impl Strategy<Value = Vec<Tile>> {
    prop::collection::vec(a_tile(), 0..7)
}

/// The most important first: what a choice is worth, one entry a layer.
fn worth(tiles: &[Tile], chosen: &[Option<usize>]) -> Vec<bool> {
    let given = |nth: usize, level: usize| chosen[nth].is_some_and(|layer| layer >= level);
    let smallest = CLASSES.iter().flat_map(|class| of_class(tiles, *class).map(|nth| (nth, 0)));
    let better = CLASSES.iter().flat_map(|class| {
        (1..4).flat_map(move |level| of_class(tiles, *class).map(move |nth| (nth, level)))
    });
    smallest.chain(better).map(|(nth, level)| given(nth, level)).collect()
}

fn of_class(tiles: &[Tile], class: Class) -> impl Iterator<Item = usize> + '_ {
    tiles.iter().enumerate().filter(move |(_, tile)| tile.class == class).map(|(nth, _)| nth)
}

fn check_bounds(tiles: &[Tile], budget: u64, chosen: &[Option<usize>]) -> Result<(), String> {
    let sent: Vec<usize> = (0..tiles.len()).filter(|nth| chosen[*nth].is_some()).collect();
    let cost = cost(tiles, chosen);
    let first = CLASSES.iter().find_map(|class| of_class(tiles, *class).next());
    let only_the_first = sent.len() == 1 && first == Some(sent[0]) && chosen[sent[0]] == Some(0);
    if cost > budget && !(only_the_first && cost <= budget + OVERDRAFT) {
        return Err(format!("{cost} of {budget} are spent"));
    }
    for nth in sent {
        let (tile, layer) = (&tiles[nth], chosen[nth].unwrap());
        let fills = |layer: &LayerRate| layer.width >= tile.width || layer.height >= tile.height;
        if tile.layers[..layer].iter().any(fills) {
            return Err(format!("layer {layer} is larger than tile {nth}"));
        }
    }
    Ok(())
}

/// After half of a long time in which the estimate goes round and round, nothing changes.
fn check_steady(
    tiles: &[Tile],
    budgets: &[u64],
    mut select: impl FnMut(Duration, u64, &[(usize, Wish)]) -> Vec<Option<usize>>,
) -> Result<(), String> {
    let rounds = 4_000;
    let mut last = None;
    for round in 0..rounds {
        let budget = budgets[round as usize % budgets.len()];
        let chosen = select(ROUND * round, budget, &wishes(tiles));
        if round > rounds / 2 && last.as_ref() != Some(&chosen) {
            return Err(format!("round {round}: {last:?} became {chosen:?}"));
        }
        last = Some(chosen);
    }
    Ok(())
}

proptest! {
    #[test]
    fn nothing_exceeds_the_budget_or_the_tile_whatever_was_before(
        rounds in prop::collection::vec((tiles(), 0_u64..6_000_000, 1_u32..20), 1..40),
    ) {
        let mut selector = Selector::new();
        let mut now = Duration::ZERO;
        for (tiles, budget, passed) in rounds {
            now += ROUND * passed;
            let chosen = selector.select(now, (budget, Keeps::Nothing), &wishes(&tiles));
            prop_assert_eq!(check_bounds(&tiles, budget, &chosen), Ok(()));
        }
    }

    #[test]
    fn a_larger_budget_serves_the_more_important_at_least_as_well(
        tiles in tiles(),
        budget in 0_u64..6_000_000,
        more in 0_u64..3_000_000,
    ) {
        let choose = |budget| {
            let means = (budget, Keeps::Nothing);
            let chosen = Selector::new().select(Duration::ZERO, means, &wishes(&tiles));
            worth(&tiles, &chosen)
        };
        prop_assert!(choose(budget + more) >= choose(budget));
    }

    #[test]
    fn what_is_less_important_takes_nothing_but_its_smallest_layer(
        tiles in tiles(),
        budget in 0_u64..6_000_000,
        class in 0_usize..3,
    ) {
        let class = CLASSES[class];
        let mut modest = tiles.clone();
        let less = modest.iter_mut().filter(|tile| tile.class > class);
        less.for_each(|tile| tile.layers.truncate(1));
        let choose = |tiles: &[Tile]| {
            Selector::new().select(Duration::ZERO, (budget, Keeps::Nothing), &wishes(tiles))
        };
        let (all, with_modest) = (choose(&tiles), choose(&modest));
        for nth in (0..tiles.len()).filter(|nth| tiles[*nth].class <= class) {
            prop_assert_eq!(all[nth], with_modest[nth], "tile {}", nth);
        }
    }

    #[test]
    fn a_wobble_of_a_tenth_changes_nothing_for_long(
        tiles in tiles(),
        middle in 50_000_u64..6_000_000,
        wobble in prop::collection::vec(900_u64..=1_100, 1..40),
    ) {
        let budgets: Vec<u64> = wobble.iter().map(|part| middle * part / 1_000).collect();
        let mut selector = Selector::new();
        let select = |now, budget, wishes: &[(usize, Wish)]| {
            selector.select(now, (budget, Keeps::Nothing), wishes)
        };
        prop_assert_eq!(check_steady(&tiles, &budgets, select), Ok(()));
    }

    #[test]
    fn what_is_desired_is_what_fulfils_every_wish(tiles in tiles()) {
        let mut selector = Selector::new();
        selector.select(Duration::ZERO, (0, Keeps::Nothing), &wishes(&tiles));
        let enough = selector.desired_bps();
        let means = (enough + 1, Keeps::Nothing);
        let chosen = Selector::new().select(Duration::ZERO, means, &wishes(&tiles));
        for ((_, wish), layer) in wishes(&tiles).iter().zip(chosen) {
            prop_assert_eq!(layer.map_or(0, |layer| layer + 1), wish.useful());
        }
    }
}

#[test]
fn the_check_finds_a_choice_that_flaps() {
    let tiles = [camera(1_280, Class::Speaker), camera(320, Class::Other)];
    let flaps = |now, budget, wishes: &[(usize, Wish)]| {
        Selector::new().select(now, (budget, Keeps::Nothing), wishes)
    };
    // Around 1.25 times what both cost.
    let budgets = [1_650_000, 1_850_000];
    assert!(check_steady(&tiles, &budgets, flaps).unwrap_err().contains("became"));
}

#[test]
fn the_checks_find_too_much() {
    let tiles = [camera(320, Class::Other), camera(1_280, Class::Other)];
    assert!(check_bounds(&tiles, 199_999, &[Some(0), Some(0)]).unwrap_err().contains("spent"));
    assert!(check_bounds(&tiles, 40_000, &[Some(0), None]).unwrap_err().contains("spent"));
    assert!(check_bounds(&tiles, 60_000, &[None, Some(0)]).unwrap_err().contains("spent"));
    assert!(check_bounds(&tiles, 60_000, &[Some(0), None]).is_ok());
    assert!(check_bounds(&tiles, 1_000_000, &[Some(1), None]).unwrap_err().contains("larger"));
}

/// Runs rounds until a time; what the last one chose.
fn until(
    selector: &mut Selector<usize>,
    tiles: &[Tile],
    budget: u64,
    from: &mut u32,
    rounds: u32,
) -> Vec<Option<usize>> {
    let mut chosen = Vec::new();
    for _ in 0..rounds {
        chosen = selector.select(ROUND * *from, (budget, Keeps::Nothing), &wishes(tiles));
        *from += 1;
    }
    chosen
}

#[test]
fn better_comes_after_two_seconds_of_room_and_worse_at_once() {
    let tiles = [camera(1_280, Class::Speaker)];
    let (mut selector, mut now) = (Selector::new(), 0);
    assert_eq!(until(&mut selector, &tiles, 2_000_000, &mut now, 1), [Some(2)]);
    assert_eq!(until(&mut selector, &tiles, 240_000, &mut now, 1), [Some(0)]);
    // Room for eight rounds is not yet two seconds; a gap begins the count again.
    assert_eq!(until(&mut selector, &tiles, 2_000_000, &mut now, 8), [Some(0)]);
    assert_eq!(until(&mut selector, &tiles, 240_000, &mut now, 1), [Some(0)]);
    assert_eq!(until(&mut selector, &tiles, 2_000_000, &mut now, 8), [Some(0)]);
    assert_eq!(until(&mut selector, &tiles, 2_000_000, &mut now, 1), [Some(2)]);
    // Without headroom what is sent stays, and nothing is raised.
    assert_eq!(until(&mut selector, &tiles, 1_300_000, &mut now, 20), [Some(2)]);
    assert_eq!(until(&mut selector, &tiles, 1_299_999, &mut now, 20), [Some(1)]);
    assert_eq!(until(&mut selector, &tiles, 1_624_999, &mut now, 20), [Some(1)]);
}

#[test]
fn a_tile_that_grows_or_is_new_does_not_wait() {
    let mut tiles = vec![camera(320, Class::Other)];
    let (mut selector, mut now) = (Selector::new(), 0);
    assert_eq!(until(&mut selector, &tiles, 9_000_000, &mut now, 1), [Some(0)]);
    tiles[0].width = 1_280;
    tiles[0].height = 720;
    tiles.push(camera(640, Class::Other));
    assert_eq!(until(&mut selector, &tiles, 9_000_000, &mut now, 1), [Some(2), Some(1)]);
}

#[test]
fn a_picture_that_was_never_sent_is_sent_as_soon_as_there_is_room() {
    let tiles = [camera(1_280, Class::Other)];
    let (mut selector, mut now) = (Selector::new(), 0);
    assert_eq!(until(&mut selector, &tiles, 0, &mut now, 3), [None]);
    assert_eq!(until(&mut selector, &tiles, 500_000, &mut now, 1), [Some(1)]);
    // Once it was, it waits like others.
    assert_eq!(until(&mut selector, &tiles, 0, &mut now, 1), [None]);
    assert_eq!(until(&mut selector, &tiles, 500_000, &mut now, 8), [None]);
    assert_eq!(until(&mut selector, &tiles, 500_000, &mut now, 1), [Some(1)]);
}

#[test]
fn screens_come_before_speakers_and_those_before_the_rest() {
    let screen = vec![
        LayerRate { bps: 400_000, width: 960, height: 540 },
        LayerRate { bps: 1_500_000, width: 1_920, height: 1_080 },
    ];
    let tiles = [
        camera(640, Class::Other),
        camera(640, Class::Other),
        camera(1_280, Class::Speaker),
        Tile { layers: screen, width: 1_920, height: 1_080, class: Class::Screen },
    ];
    let at =
        |budget| Selector::new().select(Duration::ZERO, (budget, Keeps::Nothing), &wishes(&tiles));
    // What does not fit does not stand in the way of what does.
    assert_eq!(at(300_000), [Some(0), Some(0), Some(0), None]);
    assert_eq!(at(350_000), [None, None, None, Some(0)]);
    assert_eq!(at(700_000), [Some(0), Some(0), Some(0), Some(0)]);
    assert_eq!(at(2_250_000), [Some(0), Some(0), Some(0), Some(1)]);
    assert_eq!(at(3_750_000), [Some(0), Some(0), Some(2), Some(1)]);
    // Those who are alike are raised together, the first of them first.
    assert_eq!(at(4_062_500), [Some(1), Some(0), Some(2), Some(1)]);
    assert_eq!(at(4_375_000), [Some(1), Some(1), Some(2), Some(1)]);
}

#[test]
fn sound_is_paid_first_and_a_tenth_is_left() {
    assert_eq!(budget(1_000_000, 40_000), 860_000);
    assert_eq!(budget(30_000, 40_000), 0);
    assert!(budget(estimate_for(1_625_000, 64_000), 64_000) >= 1_625_000);
}

proptest! {
    #[test]
    fn what_is_shown_stays_as_long_as_nothing_says_that_the_way_is_full(
        tiles in tiles(),
        first in 0_u64..6_000_000,
        estimates in prop::collection::vec(0_u64..6_000_000, 1..60),
    ) {
        let mut selector = Selector::new();
        let chosen = selector.select(Duration::ZERO, (first, Keeps::Shown), &wishes(&tiles));
        let mut shown: Vec<bool> = chosen.iter().map(Option::is_some).collect();
        for (round, budget) in (1..).zip(estimates) {
            let chosen = selector.select(ROUND * round, (budget, Keeps::Shown), &wishes(&tiles));
            for (before, now) in shown.iter_mut().zip(chosen) {
                prop_assert!(!*before || now.is_some());
                *before |= now.is_some();
            }
        }
        // With a sign, the budget holds at once, whatever was kept before.
        let now = ROUND * 100;
        let chosen = selector.select(now, (first, Keeps::Nothing), &wishes(&tiles));
        prop_assert_eq!(check_bounds(&tiles, first, &chosen), Ok(()));
    }

    #[test]
    fn where_nobody_measures_the_way_everybody_has_the_smallest_layer(
        tiles in tiles(),
        budgets in prop::collection::vec((0_u64..6_000_000, any::<bool>()), 1..40),
    ) {
        let mut selector = Selector::new();
        let first = CLASSES.iter().find_map(|class| {
            of_class(&tiles, *class).find(|nth| !tiles[*nth].layers.is_empty())
        });
        for (round, (budget, full)) in (0..).zip(budgets) {
            let keeps = if full { Keeps::First } else { Keeps::All };
            let chosen = selector.select(ROUND * round, (budget, keeps), &wishes(&tiles));
            for (nth, tile) in tiles.iter().enumerate() {
                let has = !full || Some(nth) == first;
                prop_assert!(!has || tile.layers.is_empty() || chosen[nth].is_some());
            }
        }
    }
}

#[test]
fn a_better_layer_without_room_is_kept_for_three_seconds_unless_the_way_is_full() {
    let tiles = [camera(1_280, Class::Speaker)];
    let mut selector = Selector::new();
    let mut at = |ms, budget, keeps| {
        selector.select(Duration::from_millis(ms), (budget, keeps), &wishes(&tiles))[0]
    };
    assert_eq!(at(0, 2_000_000, Keeps::Shown), Some(2));
    assert_eq!(at(1_000, 200_000, Keeps::Shown), Some(2));
    assert_eq!(at(3_900, 200_000, Keeps::Shown), Some(2));
    // Room in between begins the count again.
    assert_eq!(at(3_950, 1_400_000, Keeps::Shown), Some(2));
    assert_eq!(at(4_000, 200_000, Keeps::Shown), Some(2));
    assert_eq!(at(6_900, 200_000, Keeps::Shown), Some(2));
    assert_eq!(at(7_000, 200_000, Keeps::Shown), Some(0));
    assert_eq!(at(8_000, 0, Keeps::Shown), Some(0), "the smallest stays");
    assert_eq!(at(8_001, 0, Keeps::Nothing), None);
    let mut selector = Selector::new();
    let mut at = |ms, budget, keeps| {
        selector.select(Duration::from_millis(ms), (budget, keeps), &wishes(&tiles))[0]
    };
    assert_eq!(at(0, 2_000_000, Keeps::Shown), Some(2));
    assert_eq!(at(1_000, 200_000, Keeps::Nothing), Some(0));
}

#[test]
fn what_is_lowered_stays_small_until_there_was_room_for_two_seconds() {
    let tiles = [camera(1_280, Class::Other)];
    let mut selector = Selector::new();
    let mut select = |lower: bool, now| {
        if lower {
            selector.lower();
        }
        selector.select(now, (2_000_000, Keeps::Shown), &wishes(&tiles))[0]
    };
    assert_eq!(select(false, ROUND), Some(2));
    assert_eq!(select(true, ROUND * 2), Some(0));
    assert_eq!(select(false, ROUND * 9), Some(0));
    assert_eq!(select(false, ROUND * 10), Some(2));
}

#[test]
fn a_picture_that_went_comes_back_as_soon_as_it_fits_where_nothing_says_that_the_way_is_full() {
    let tiles = [Tile { layers: CAMERA[2..].to_vec(), ..camera(1_280, Class::Other) }];
    for (keeps, back) in [(Keeps::Shown, Some(0)), (Keeps::Nothing, None)] {
        let mut selector = Selector::new();
        let mut at = |ms, budget, keeps| {
            selector.select(Duration::from_millis(ms), (budget, keeps), &wishes(&tiles))[0]
        };
        assert_eq!(at(0, 1_300_000, keeps), Some(0));
        assert_eq!(at(250, 200_000, Keeps::Nothing), None);
        assert_eq!(at(500, 1_300_000, keeps), None);
        assert_eq!(at(2_500, 1_300_000, keeps), back, "{keeps:?}");
    }
}
