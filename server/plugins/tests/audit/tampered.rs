//! Whoever changes the rows is found, and where.

use std::fmt::Write as _;

use carillon_plugin::{
    Caller, Expect, Statement, Storage as _, Transaction,
    protocol::audit::{Link, Note},
};
use carillon_plugins::audit::verify::{Broken, RESTORE, Root, Verifier};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::World;

const HASH: usize = 13;
const PREV: usize = 12;
const N: usize = 0;
const OP: usize = 4;

/// Ten rows, as the plugin wrote them.
async fn ten() -> Vec<Link> {
    let world = World::new().await;
    for name in ["bo", "cy", "di", "ed", "fi", "gu", "ho", "io"] {
        world.add(name).await;
    }
    let note = Note { op: "server.note".into(), object: "x".into() };
    world.call(Caller::SYSTEM, &note).await.unwrap();
    let links = world.links().await;
    assert_eq!(links.len(), 10);
    links
}

fn signed(links: &[Link], at: impl IntoIterator<Item = u64>) -> Vec<Root> {
    let root = |n: u64| {
        let link = links.iter().find(|link| link.n == n).unwrap();
        Root { n, hash: link.cells[HASH].clone().unwrap(), at: 1_790_000_000_000 }
    };
    at.into_iter().map(root).collect()
}

fn verify(links: &[Link], roots: Vec<Root>) -> Vec<Broken> {
    let mut verifier = Verifier::new(roots);
    links.iter().for_each(|link| verifier.row(link));
    verifier.end().2
}

/// Makes the hash of a row fit it, as the documents say.
fn rehash(link: &mut Link) {
    let domain = Some("carillon audit row 1".to_owned());
    let hashed: Vec<_> = std::iter::once(&domain).chain(&link.cells[..HASH]).collect();
    let digest = Sha256::digest(serde_json::to_vec(&hashed).unwrap());
    let mut hash = String::new();
    digest.iter().for_each(|byte| write!(hash, "{byte:02x}").unwrap());
    link.cells[HASH] = Some(hash);
}

/// Writes all rows from one on anew, as somebody can who has the database and not the key.
fn recompute(links: &mut [Link], from: usize) {
    for i in from..links.len() {
        if i > 0 {
            links[i].cells[PREV] = links[i - 1].cells[HASH].clone();
        }
        rehash(&mut links[i]);
    }
}

fn cut(rows: (u64, u64)) -> Broken {
    Broken::CutOff { rows, signed_at: 1_790_000_000_000 }
}

fn rewritten(rows: (u64, u64)) -> Broken {
    Broken::Rewritten { rows, signed_at: 1_790_000_000_000 }
}

#[tokio::test]
async fn what_nobody_changed_is_whole() {
    let links = ten().await;
    assert_eq!(verify(&links, signed(&links, [3, 6, 10])), []);
    assert_eq!(verify(&[], Vec::new()), []);
}

#[tokio::test]
async fn a_change_of_any_column_is_found_at_its_row() {
    let links = ten().await;
    let roots = signed(&links, [3, 6, 10]);
    for row in 0..links.len() {
        for column in 0..links[row].cells.len() {
            let mut changed = links.clone();
            let cell = &mut changed[row].cells[column];
            *cell = match cell.take() {
                // The lowest bit of the first byte.
                Some(text) if !text.is_empty() => {
                    let mut bytes = text.into_bytes();
                    bytes[0] ^= 1;
                    Some(String::from_utf8(bytes).unwrap())
                }
                _ => Some("x".into()),
            };
            let n = links[row].n;
            assert_eq!(verify(&changed, roots.clone()), [Broken::Changed(n)], "column {column}");
        }
    }
}

#[tokio::test]
async fn rows_that_are_taken_away_are_named() {
    let links = ten().await;
    let roots = signed(&links, [3, 6, 10]);
    let mut middle = links.clone();
    middle.drain(3..5);
    assert_eq!(verify(&middle, roots.clone()), [Broken::Missing(4, 5)]);
    assert_eq!(verify(&links[1..], roots.clone()), [Broken::Missing(1, 1)]);
    assert_eq!(verify(&links[..7], roots.clone()), [cut((8, 10))]);
    assert_eq!(verify(&[], roots), [cut((1, 10))]);
}

#[tokio::test]
async fn rows_that_changed_places_are_named() {
    let mut links = ten().await;
    let roots = signed(&links, [10]);
    let (a, b) = (links[3].cells[N].clone(), links[4].cells[N].clone());
    links.swap(3, 4);
    (links[3].n, links[4].n) = (4, 5);
    (links[3].cells[N], links[4].cells[N]) = (a, b);
    assert_eq!(verify(&links, roots), [Broken::Changed(4), Broken::Changed(5)]);
}

#[tokio::test]
async fn a_row_that_is_written_anew_with_its_hash_is_found_by_the_next_one() {
    let mut links = ten().await;
    let roots = signed(&links, [10]);
    links[4].cells[OP] = Some("session.login".into());
    rehash(&mut links[4]);
    assert_eq!(verify(&links, roots), [Broken::Replaced(5)]);
}

#[tokio::test]
async fn a_chain_that_is_written_anew_is_found_by_what_was_signed() {
    let links = ten().await;
    let roots = signed(&links, [3, 6, 10]);
    for from in 0..links.len() {
        let mut forged = links.clone();
        forged[from].cells[OP] = Some("session.login".into());
        recompute(&mut forged, from);
        let good = [0, 3, 6].into_iter().filter(|n| *n <= from as u64).max().unwrap();
        let broken = verify(&forged, roots.clone());
        assert_eq!(broken, [rewritten((good + 1, 10))], "from {from}");
        // The server, which did not see it, signs what comes after.
        let mut later = roots.clone();
        later.extend(signed(&forged, [10]));
        assert_eq!(verify(&forged, later), broken);
    }
}

#[tokio::test]
async fn a_table_that_is_older_than_what_was_signed_is_found() {
    let links = ten().await;
    assert_eq!(verify(&links[..4], signed(&links, [3, 6, 10])), [cut((5, 10))]);
}

#[tokio::test]
async fn a_database_that_was_restored_says_so() {
    let links = ten().await;
    let mut roots = signed(&links, [3, 6, 10]);
    let mut restored = links[..5].to_vec();
    restored[4].cells[OP] = Some(RESTORE.into());
    recompute(&mut restored, 4);
    let lost = Broken::Restored { row: 5, lost: 10 };
    assert_eq!(verify(&restored, roots.clone()), std::slice::from_ref(&lost));
    roots.extend(signed(&restored, [5]));
    assert_eq!(verify(&restored, roots), [lost]);
}

/// A row that another hand wrote over.
#[derive(Debug, Clone)]
struct Tampering {
    row: usize,
    column: usize,
    with: String,
    /// Whether its hash is made to fit.
    fits: bool,
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let column = (0..HASH).prop_filter("a row's number is its place", |column| *column != N);
    (0..10_usize, column, "[a-z0-9]{1,40}", any::<bool>())
        .prop_map(|(row, column, with, fits)| Tampering { row, column, with, fits })
}

#[test]
fn any_tampering_with_any_row_is_located() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let links = runtime.block_on(ten());
    proptest!(|(tampering in tampering())| {
        let mut changed = links.clone();
        let link = &mut changed[tampering.row];
        let n = link.n;
        let with = Some(tampering.with.clone());
        prop_assume!(link.cells[tampering.column] != with, "that is what stands there");
        link.cells[tampering.column] = with;
        if tampering.fits {
            rehash(link);
        }
        let broken = verify(&changed, signed(&links, [10]));
        let rows: Vec<u64> = broken.iter().map(Broken::row).collect();
        // One whose link to the row before is broken looks like that row was replaced.
        let first = if tampering.column == PREV && tampering.fits { n.max(2) - 1 } else { n };
        let near = first..=n;
        prop_assert!(!rows.is_empty(), "nothing found");
        prop_assert!(
            rows.iter().all(|row| near.contains(row)) || (n == 10 && tampering.fits),
            "{:?}", broken
        );
    });
}

/// Runs statements of somebody who has the database.
async fn run(world: &World, statements: &[&str]) -> Result<(), carillon_plugin::Error> {
    let statement = |sql: &&str| Statement {
        sql: (*sql).to_owned().into(),
        rows: vec![Vec::new()],
        expect: Expect::Any,
    };
    let tx = Transaction {
        org: world.org,
        by: world.amy.user,
        at: 0,
        cid: None,
        prev: None,
        hash: 0,
        statements: statements.iter().map(statement).collect(),
        emits: Vec::new(),
        rewrites: Vec::new(),
    };
    world.kit.store().commit(tx).await.map(drop)
}

async fn broken(world: &World, roots: Vec<Root>) -> Vec<Broken> {
    verify(&world.links().await, roots)
}

/// Takes away what keeps the rows as they are, as whoever has the database can.
async fn open(world: &World) {
    let dropped: &[&str] = match std::env::var("TEST_ENGINE").as_deref() {
        Ok("postgres") => &["ALTER TABLE audit_row DISABLE TRIGGER USER"],
        _ => &["DROP TRIGGER audit_row_no_UPDATE", "DROP TRIGGER audit_row_no_DELETE"],
    };
    run(world, dropped).await.unwrap();
}

#[tokio::test]
async fn the_database_refuses_to_change_rows_and_to_take_them_away() {
    let world = World::new().await;
    world.add("bob").await;
    let before = world.links().await;
    for sql in [
        "UPDATE audit_row SET op = 'x' WHERE n = 1",
        "UPDATE audit_row SET n = 9 WHERE n = 1",
        "DELETE FROM audit_row WHERE n = 2",
        "DELETE FROM audit_row",
    ] {
        run(&world, &[sql]).await.unwrap_err();
    }
    assert_eq!(world.links().await, before);
    world.add("carol").await;
    assert_eq!(world.links().await.len(), before.len() + 1, "and goes on");
}

#[tokio::test]
async fn what_is_changed_in_the_tables_is_found() {
    let world = World::new().await;
    for name in ["bo", "cy", "di", "ed"] {
        world.add(name).await;
    }
    let roots = signed(&world.links().await, [3, 5]);
    assert_eq!(broken(&world, roots.clone()).await, []);
    open(&world).await;
    run(&world, &["UPDATE audit_row SET at = at + 1 WHERE n = 2"]).await.unwrap();
    assert_eq!(broken(&world, roots.clone()).await, [Broken::Changed(2)]);
    let mended = "UPDATE audit_row SET at = at - 1 WHERE n = 2";
    run(&world, &[mended, "UPDATE audit_row SET address = 'x' WHERE n = 4"]).await.unwrap();
    assert_eq!(broken(&world, roots.clone()).await, [Broken::Changed(4)]);
    let mended = "UPDATE audit_row SET address = NULL WHERE n = 4";
    run(&world, &[mended, "DELETE FROM audit_row WHERE n = 5"]).await.unwrap();
    assert_eq!(broken(&world, roots.clone()).await, [cut((5, 5))]);
    run(&world, &["DELETE FROM audit_row WHERE n = 2"]).await.unwrap();
    assert_eq!(broken(&world, roots.clone()).await, [Broken::Missing(2, 2), cut((5, 5))]);
    run(&world, &["DELETE FROM audit_row"]).await.unwrap();
    assert_eq!(broken(&world, roots).await, [cut((1, 5))]);
}

#[tokio::test]
async fn a_row_that_holds_no_text_is_named_and_hides_no_other() {
    // PostgreSQL keeps nothing else in such a column.
    if std::env::var("TEST_ENGINE").as_deref() == Ok("postgres") {
        return;
    }
    let world = World::new().await;
    world.add("bob").await;
    world.add("carol").await;
    world.links().await;
    open(&world).await;
    run(&world, &["UPDATE audit_row SET op = x'FF00' WHERE n = 2"]).await.unwrap();
    assert_eq!(broken(&world, Vec::new()).await, [Broken::Unreadable(2)]);
}
