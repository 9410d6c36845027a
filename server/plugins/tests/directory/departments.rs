//! The tree of departments.

use carillon_protocol::department::{Create, Move, Remove, Tree, Update};

use crate::*;

fn rename(department: DepartmentId, name: &str) -> Update {
    Update { department, name: Some(name.into()), head: None }
}

fn headed(department: DepartmentId, head: Option<UserId>) -> Update {
    Update { department, name: None, head: Some(head) }
}

fn moved(department: DepartmentId, parent: Option<DepartmentId>) -> Move {
    Move { department, parent, before: None }
}

fn nothing() -> DepartmentId {
    DepartmentId(Ulid::from_parts(1, 1))
}

/// The tree as lines of names, indented by level.
async fn drawn(world: &World) -> Vec<String> {
    let tree = world.tree().await;
    let parent = |of: &Department| tree.iter().find(|it| Some(it.department) == of.parent);
    let level = |of| std::iter::successors(parent(of), |it| parent(it)).count();
    tree.iter().map(|it| format!("{}{}", " ".repeat(level(it)), it.name)).collect()
}

/// `Shops` with `Central` and `Kowloon`, and `Office`.
async fn shops(world: &World) -> [DepartmentId; 4] {
    let shops = world.department("Shops", None).await;
    let office = world.department("Office", None).await;
    let central = world.department("Central", Some(shops)).await;
    let kowloon = world.department("Kowloon", Some(shops)).await;
    [shops, central, kowloon, office]
}

#[tokio::test]
async fn everybody_sees_the_tree_each_department_after_its_parent() {
    let world = World::new().await;
    let [shops, central, ..] = shops(&world).await;
    assert_eq!(drawn(&world).await, ["Shops", " Central", " Kowloon", "Office"]);
    let (bob, _) = world.joins("bob").await;
    let seen = world.call(bob, Tree {}).await.unwrap().departments;
    assert_eq!((seen[1].department, seen[1].parent), (central, Some(shops)));
    assert!(world.call(world.zoe, Tree {}).await.unwrap().departments.is_empty());
}

#[tokio::test]
async fn a_department_counts_its_own_people_who_are_there() {
    let world = World::new().await;
    let [shops, central, ..] = shops(&world).await;
    for (login, departments) in [("bob", vec![central]), ("carol", vec![central, shops])] {
        world.call(world.amy, AddMember { departments, ..person(login) }).await.unwrap();
    }
    let counts = |tree: Vec<Department>| tree.iter().map(|it| it.members).collect::<Vec<_>>();
    assert_eq!(counts(world.tree().await), [1, 2, 0, 0]);
    let listed = world.call(world.amy, ListMembers::default()).await.unwrap().members;
    let bob = listed.iter().find(|member| member.login == "bob").unwrap().user;
    world.call(world.amy, carillon_protocol::org::RemoveMember { user: bob }).await.unwrap();
    assert_eq!(counts(world.tree().await), [1, 1, 0, 0], "who left is not counted");
}

#[tokio::test]
async fn a_change_of_the_tree_is_told_once_and_one_that_changes_nothing_is_not() {
    let world = World::new().await;
    let [shops, central, kowloon, office] = shops(&world).await;
    world.told();
    let amy = world.amy.user;
    let (rename, head, up) =
        (rename(office, "HQ"), headed(office, Some(amy)), moved(central, Some(office)));
    let front = Move { department: office, parent: None, before: Some(shops) };
    let same = Move { department: kowloon, parent: Some(shops), before: None };
    for _ in 0..2 {
        world.call(world.amy, rename.clone()).await.unwrap();
        world.call(world.amy, head.clone()).await.unwrap();
        world.call(world.amy, up.clone()).await.unwrap();
        world.call(world.amy, front.clone()).await.unwrap();
        world.call(world.amy, same.clone()).await.unwrap();
    }
    let told = world.told();
    let data: Vec<department::ChangedData> =
        told.iter().map(|event| event.data.to().unwrap()).collect();
    let ids: Vec<_> = data.iter().map(|data| data.department).collect();
    assert_eq!(ids, [office, office, central, office]);
    assert!(told.iter().all(|event| &*event.k == "org.department_changed"));
    assert_eq!(data[0].name.as_deref(), Some("HQ"));
    world.call(world.amy, Remove { department: kowloon }).await.unwrap();
    let data: department::ChangedData = world.told()[0].data.to().unwrap();
    assert_eq!((data.department, data.name), (kowloon, None));
    assert_eq!(drawn(&world).await, ["HQ", " Central", "Shops"]);
    assert_eq!(world.tree().await[0].head, Some(amy));
    world.call(world.amy, headed(office, None)).await.unwrap();
    assert_eq!(world.tree().await[0].head, None);
}

#[tokio::test]
async fn siblings_keep_the_order_that_they_are_put_in() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(world.department(name, None).await);
    }
    let before = |department, before| Move { department, parent: None, before: Some(before) };
    world.call(world.amy, before(ids[3], ids[0])).await.unwrap();
    assert_eq!(drawn(&world).await, ["d", "a", "b", "c"]);
    world.call(world.amy, before(ids[0], ids[2])).await.unwrap();
    assert_eq!(drawn(&world).await, ["d", "b", "a", "c"]);
    world.call(world.amy, moved(ids[3], None)).await.unwrap();
    assert_eq!(drawn(&world).await, ["b", "a", "c", "d"]);
    world.department("e", None).await;
    assert_eq!(drawn(&world).await, ["b", "a", "c", "d", "e"], "a new one comes last");
}

#[tokio::test]
async fn a_department_is_never_put_below_itself() {
    let world = World::new().await;
    let [shops, central, ..] = shops(&world).await;
    let till = world.department("Tills", Some(central)).await;
    for parent in [shops, central, till] {
        assert_eq!(field(world.call(world.amy, moved(shops, Some(parent))).await), "parent");
    }
    let before = |before| Move { department: central, parent: None, before: Some(before) };
    assert_eq!(field(world.call(world.amy, before(till)).await), "before", "not a sibling there");
    assert_eq!(field(world.call(world.amy, before(central)).await), "before");
}

#[tokio::test]
async fn siblings_have_different_names_and_cousins_may_have_the_same() {
    let world = World::new().await;
    let [shops, central, _, office] = shops(&world).await;
    let taken = |name: &str, parent| Create { name: name.into(), parent, head: None };
    assert_eq!(code(world.call(world.amy, taken("Shops", None)).await), ErrorCode::Conflict);
    let refused = world.call(world.amy, taken("Central", Some(shops))).await.unwrap_err();
    assert_eq!(refused.body().field.as_deref(), Some("name"));
    assert!(world.call(world.amy, taken("Central", Some(office))).await.is_ok());
    assert_eq!(code(world.call(world.amy, rename(office, "Shops")).await), ErrorCode::Conflict);
    let there = moved(central, Some(office));
    assert_eq!(code(world.call(world.amy, there).await), ErrorCode::Conflict);
    assert!(world.call(world.amy, rename(office, "Office")).await.is_ok(), "its own name");
}

#[tokio::test]
async fn there_are_ten_levels_and_no_more() {
    let world = World::new().await;
    let mut line = Vec::new();
    for level in 1..=10 {
        line.push(world.department(&format!("{level}"), line.last().copied()).await);
    }
    let create = Create { name: "11".into(), parent: Some(line[9]), head: None };
    assert_eq!(field(world.call(world.amy, create).await), "parent");
    let pair = world.department("pair", None).await;
    world.department("below", Some(pair)).await;
    assert_eq!(field(world.call(world.amy, moved(pair, Some(line[8]))).await), "parent");
    assert!(world.call(world.amy, moved(pair, Some(line[7]))).await.is_ok());
}

#[tokio::test]
async fn an_organisation_has_a_thousand_departments_and_no_more() {
    let world = World::new().await;
    for number in 0..1_000 {
        world.department(&format!("{number}"), None).await;
    }
    let create = Create { name: "one more".into(), parent: None, head: None };
    assert_eq!(code(world.call(world.amy, create).await), ErrorCode::TooLarge);
    assert_eq!(world.tree().await.len(), 1_000);
}

#[tokio::test]
async fn only_a_department_with_none_below_is_removed_and_its_people_go_up() {
    let world = World::new().await;
    let [shops, central, kowloon, office] = shops(&world).await;
    let join = |login: &str, departments| AddMember { departments, ..person(login) };
    let both = join("bob", vec![central, office, shops]);
    let bob = world.call(world.amy, both).await.unwrap().user;
    let one = join("carol", vec![kowloon, central]);
    let carol = world.call(world.amy, one).await.unwrap().user;
    let refused = world.call(world.amy, Remove { department: shops }).await;
    assert_eq!(code(refused), ErrorCode::Conflict);
    world.call(world.amy, Remove { department: central }).await.unwrap();
    assert_eq!(world.member(bob).await.departments, [office, shops], "in each once");
    assert_eq!(world.member(carol).await.departments, [kowloon, shops]);
    for department in [kowloon, shops] {
        world.call(world.amy, Remove { department }).await.unwrap();
    }
    assert!(world.member(carol).await.departments.is_empty(), "nothing is above the top");
}

#[tokio::test]
async fn a_head_is_somebody_who_is_there() {
    let world = World::new().await;
    let [shops, ..] = shops(&world).await;
    let (bob, _) = world.joins("bob").await;
    let issue = Issue { app: Some("echo".into()), ..issue() };
    let echo = world.call(world.amy, issue).await.unwrap().user;
    world.call(world.amy, headed(shops, Some(bob.user))).await.unwrap();
    world.call(world.amy, carillon_protocol::org::RemoveMember { user: bob.user }).await.unwrap();
    assert_eq!(world.tree().await[0].head, None, "who left heads nothing");
    for head in [bob.user, echo] {
        assert_eq!(field(world.call(world.amy, headed(shops, Some(head))).await), "head");
        let create = Create { name: "New".into(), parent: None, head: Some(head) };
        assert_eq!(field(world.call(world.amy, create).await), "head");
    }
}

#[tokio::test]
async fn departments_and_people_of_others_do_not_exist() {
    let world = World::new().await;
    let [shops, ..] = shops(&world).await;
    let create = Create { name: "Depot".into(), parent: None, head: None };
    let depot = world.call(world.zoe, create.clone()).await.unwrap().department;
    let zoe = world.zoe.user;
    for unknown in [depot, nothing()] {
        let below = Create { parent: Some(unknown), ..create.clone() };
        let codes = [
            code(world.call(world.amy, below).await),
            code(world.call(world.amy, rename(unknown, "Mine")).await),
            code(world.call(world.amy, moved(unknown, None)).await),
            code(world.call(world.amy, moved(shops, Some(unknown))).await),
            code(
                world
                    .call(
                        world.amy,
                        Move { department: shops, parent: None, before: Some(unknown) },
                    )
                    .await,
            ),
            code(world.call(world.amy, Remove { department: unknown }).await),
        ];
        assert_eq!(codes, [ErrorCode::NotFound; 6]);
        let inside = AddMember { departments: vec![unknown], ..person("bob") };
        assert_eq!(code(world.call(world.amy, inside).await), ErrorCode::NotFound);
    }
    assert_eq!(code(world.call(world.amy, headed(shops, Some(zoe))).await), ErrorCode::NotFound);
    let head = Create { head: Some(zoe), ..create };
    assert_eq!(code(world.call(world.amy, head).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_repeated_creation_makes_one_department() {
    let world = World::new().await;
    let (host, again) = (world.kit.host(), Some(cid()));
    let create = Create { name: "Shops".into(), parent: None, head: None };
    let one = host.call_typed(world.amy, again, &create).await.unwrap();
    assert_eq!(host.call_typed(world.amy, again, &create).await.unwrap(), one);
    world.call(world.amy, Remove { department: one.department }).await.unwrap();
    assert_eq!(host.call_typed(world.amy, again, &create).await.unwrap(), one);
    assert!(world.tree().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_moves_at_once_never_make_a_circle() {
    let world = World::new().await;
    let (one, two) = (world.department("1", None).await, world.department("2", None).await);
    for _ in 0..20 {
        for department in [one, two] {
            world.call(world.amy, moved(department, None)).await.unwrap();
        }
        let below = |department, parent| {
            let (host, amy) = (world.kit.host().clone(), world.amy);
            tokio::spawn(async move {
                host.call_typed(amy, None, &moved(department, Some(parent))).await
            })
        };
        let (a, b) = (below(one, two), below(two, one));
        let done = [a.await.unwrap().is_ok(), b.await.unwrap().is_ok()];
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "one of both comes first");
        assert_eq!(world.tree().await.len(), 2, "nothing hangs in the air");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_take_a_name_at_once_one_gets_it() {
    let world = World::new().await;
    let tries: Vec<_> = (0..2)
        .map(|_| {
            let (host, amy) = (world.kit.host().clone(), world.amy);
            let create = Create { name: "Shops".into(), parent: None, head: None };
            tokio::spawn(async move { host.call_typed(amy, Some(cid()), &create).await })
        })
        .collect();
    let mut made = 0;
    for attempt in tries {
        made += usize::from(attempt.await.unwrap().is_ok());
    }
    assert_eq!((made, world.tree().await.len()), (1, 1));
}
