//! Importing people from a table.

use carillon_protocol::{
    import::{Action, Apply, Check, Report},
    invite,
    org::{RemoveMember, kind},
    role::{DEPARTMENTS, PEOPLE},
};
use proptest::prelude::*;

use crate::*;

/// Three people with everything, in departments of which none is there, under managers who stand
/// further down.
const TABLE: &str = "\u{feff}login,name,title,department,manager,locale,tz\r\n\
    bob,Bob 陳,\"Manager, shops\",Shops/Central;HQ,amy,en,Europe/London\r\n\
    Carol,Carol Ho,,Shops/Central,dan,,\r\n\
    dan,=cmd()|'/C calc'!A0,,Shops,bob,,\r\n";

fn check(csv: &str) -> Check {
    Check { org: None, csv: csv.into() }
}

fn apply(csv: &str) -> Apply {
    Apply { org: None, csv: csv.into() }
}

/// What becomes of each line, with the columns that it writes.
fn actions(report: &Report) -> Vec<(Action, String)> {
    report.lines.iter().map(|line| (line.action, line.changes.join(" "))).collect()
}

fn all(report: &Report, action: Action) -> bool {
    report.lines.iter().all(|line| line.action == action)
}

impl World {
    async fn imports(&self, csv: &str) -> Report {
        self.call(self.amy, apply(csv)).await.unwrap()
    }

    async fn people(&self) -> Vec<Member> {
        let args = ListMembers { limit: Some(200), ..ListMembers::default() };
        self.call(self.amy, args).await.unwrap().members
    }

    async fn named(&self, login: &str) -> Member {
        self.people().await.into_iter().find(|person| person.login == login).unwrap()
    }

    /// Everything that an import can change.
    async fn everything(&self) -> (Vec<Member>, Vec<Department>) {
        (self.people().await, self.tree().await)
    }

    async fn path(&self, department: DepartmentId) -> String {
        let tree = self.tree().await;
        let above = |id| tree.iter().find(|it| it.department == id);
        let up = std::iter::successors(above(department), |it| it.parent.and_then(above));
        let mut names: Vec<&str> = up.map(|it| &*it.name).collect();
        names.reverse();
        names.join("/")
    }

    async fn paths(&self, person: &Member) -> Vec<String> {
        let mut paths = Vec::new();
        for department in &person.departments {
            paths.push(self.path(*department).await);
        }
        paths
    }
}

#[tokio::test]
async fn a_table_brings_people_departments_and_managers_in_one_go() {
    let world = World::new().await;
    world.kit.committed();
    let report = world.imports(TABLE).await;
    assert!(report.applied && all(&report, Action::Add));
    assert_eq!(report.lines.iter().map(|line| line.line).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(report.departments, ["Shops", "Shops/Central", "HQ"]);
    assert_eq!(world.kinds(), [kind::IMPORTED], "one event for all of it");

    let [bob, carol, dan] =
        [world.named("bob").await, world.named("carol").await, world.named("dan").await];
    assert_eq!((&*bob.name, bob.title.as_deref()), ("Bob 陳", Some("Manager, shops")));
    assert_eq!((&*bob.locale, &*bob.tz), ("en", "Europe/London"));
    assert_eq!((&*carol.locale, &*carol.tz), ("zh-HK", "Asia/Hong_Kong"));
    assert_eq!(dan.name, "=cmd()|'/C calc'!A0", "a text like any other");
    assert_eq!(world.paths(&bob).await, ["Shops/Central", "HQ"]);
    assert_eq!(world.paths(&carol).await, ["Shops/Central"]);
    let managers = [bob.manager, carol.manager, dan.manager];
    assert_eq!(managers, [Some(world.amy.user), Some(dan.user), Some(bob.user)]);
    for person in [bob, carol, dan] {
        assert!(person.active && !person.admin && !person.password && person.roles.is_empty());
    }
}

#[tokio::test]
async fn a_check_says_what_an_import_does_and_does_nothing() {
    let world = World::new().await;
    let before = world.everything().await;
    world.kit.committed();
    let said = world.call(world.amy, check(TABLE)).await.unwrap();
    assert!(!said.applied);
    assert_eq!(world.everything().await, before);
    assert_eq!(world.kinds(), [] as [&str; 0]);
    assert_eq!(world.imports(TABLE).await, Report { applied: true, ..said });
}

#[tokio::test]
async fn the_same_table_again_changes_nothing() {
    let world = World::new().await;
    world.imports(TABLE).await;
    let after = world.everything().await;
    world.kit.committed();
    let again = world.imports(TABLE).await;
    assert!(again.applied && all(&again, Action::Same) && again.departments.is_empty());
    assert_eq!(world.everything().await, after);
    assert_eq!(world.kinds(), [] as [&str; 0], "nothing happened, so nothing is told");
}

#[tokio::test]
async fn whoever_is_there_is_changed_and_empty_cells_leave_things_alone() {
    let world = World::new().await;
    world.imports(TABLE).await;
    let before = world.named("bob").await;
    let report = world
        .imports("login,department,name,title,manager\nBOB,HQ,,Boss,\ncarol,,Carol Ho,,amy\n")
        .await;
    assert_eq!(
        actions(&report),
        [(Action::Change, "title department".to_owned()), (Action::Change, "manager".to_owned())]
    );
    let bob = world.named("bob").await;
    assert_eq!(world.paths(&bob).await, ["HQ"], "the table says all of them");
    let expected =
        Member { title: Some("Boss".into()), departments: bob.departments.clone(), ..before };
    assert_eq!(bob, expected);
    assert_eq!(world.named("carol").await.manager, Some(world.amy.user));
}

#[tokio::test]
async fn a_new_name_is_seen_at_once_everywhere() {
    let world = World::new().await;
    world.imports("login,name\nbob,Bob\n").await;
    let bob = world.named("bob").await.user;
    let ask = || Names { org: world.org, users: vec![bob] };
    let named = world.call(Caller::SYSTEM, ask()).await.unwrap().names;
    assert_eq!(named, [(bob, "Bob".to_owned())]);
    world.imports("login,name\nbob,Robert 陳\n").await;
    let named = world.call(Caller::SYSTEM, ask()).await.unwrap().names;
    assert_eq!(named, [(bob, "Robert 陳".to_owned())]);
}

#[tokio::test]
async fn one_wrong_line_and_nothing_is_imported() {
    let world = World::new().await;
    let before = world.everything().await;
    world.kit.committed();
    let csv =
        "login,name,department,manager\ngina,Gina,Shops,\nhugo,,Shops,\nzoe,Zoe,,\nivy,Ivy,,lee\n";
    let report = world.imports(csv).await;
    assert!(!report.applied);
    let said: Vec<_> = report
        .lines
        .iter()
        .map(|line| (line.action, line.field.as_deref().unwrap_or("")))
        .collect();
    let wrong = |field| (Action::Error, field);
    assert_eq!(said, [(Action::Add, ""), wrong("name"), wrong("login"), wrong("manager")]);
    assert_eq!(world.everything().await, before);
    assert_eq!(world.kinds(), [] as [&str; 0]);
}

#[tokio::test]
async fn who_left_is_not_taken_back_by_a_table() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    world.call(world.amy, RemoveMember { user: bob.user }).await.unwrap();
    let report = world.imports("login,name,manager\nbob,Bob,\ngina,Gina,bob\n").await;
    let said: Vec<_> = report.lines.iter().map(|line| line.field.as_deref().unwrap()).collect();
    assert_eq!(said, ["login", "manager"]);
}

#[tokio::test]
async fn nobody_ends_up_under_themselves() {
    let world = World::new().await;
    world.imports(TABLE).await;
    let report = world.imports("login,name,manager\namy,,carol\n").await;
    assert_eq!(report.lines[0].field.as_deref(), Some("manager"), "over people not in the table");
    assert!(!report.applied);
    assert!(world.imports("login,name,manager\ncarol,,amy\n").await.applied);
}

#[tokio::test]
async fn an_imported_person_signs_in_after_an_invitation_and_not_before() {
    let world = World::new().await;
    world.imports("login,name\nbob,Bob\n").await;
    for password in ["", "bob", PASSWORD] {
        assert_eq!(code(login(&world.kit, "bob", password).await), ErrorCode::Unauth);
    }
    let user = Some(world.named("bob").await.user);
    let link = world.call(world.amy, invite::Create { user, ..Default::default() }).await.unwrap();
    let accept = invite::Accept {
        token: link.token,
        login: None,
        name: None,
        password: PASSWORD.into(),
        locale: None,
        label: None,
    };
    world.call(Caller::STRANGER, accept).await.unwrap();
    assert!(sign_in(&world.kit, "bob").await.is_ok());
}

#[tokio::test]
async fn an_import_needs_the_permission_and_departments_theirs() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let hana = world.joins_with("hana", &[PEOPLE]).await;
    let ivy = world.joins_with("ivy", &[PEOPLE, DEPARTMENTS]).await;
    let csv = "login,name,department\ngina,Gina,Shops\n";
    assert_eq!(code(world.call(bob, check(csv)).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(bob, apply(csv)).await), ErrorCode::Forbidden);
    let refused = world.call(hana, apply(csv)).await.unwrap();
    assert_eq!((refused.applied, refused.lines[0].field.as_deref()), (false, Some("department")));
    world.department("Shops", None).await;
    assert!(world.call(hana, apply(csv)).await.unwrap().applied, "it is there now");
    let csv = "login,name,department\nhugo,Hugo,HQ\n";
    assert!(world.call(ivy, apply(csv)).await.unwrap().applied);
}

#[tokio::test]
async fn an_import_stays_in_its_organisation() {
    let world = World::new().await;
    world.imports(TABLE).await;
    let report = world.call(world.zoe, apply("login,name,manager\nxu,Xu,bob\n")).await.unwrap();
    assert_eq!(report.lines[0].field.as_deref(), Some("manager"));
    let csv = "login,name,department\nxu,Xu,Shops\n";
    let report = world.call(world.zoe, apply(csv)).await.unwrap();
    assert_eq!(report.departments, ["Shops"], "theirs is another one");
    let elsewhere = Apply { org: Some(world.other), ..apply(csv) };
    assert_eq!(code(world.call(world.amy, elsewhere).await), ErrorCode::NotFound);
    assert_eq!(field(world.call(Caller::SYSTEM, apply(csv)).await), "org", "there are two");
    let named = Apply { org: Some(world.org), csv: "login,name\nyu,Yu\n".into() };
    assert!(world.call(Caller::SYSTEM, named).await.unwrap().applied);
    assert_eq!(world.named("yu").await.name, "Yu");
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_refused_as_a_whole() {
    let world = World::new().await;
    for csv in ["", "\u{feff}\r\n", "login;name\nbob;Bob\n", "login,name,login\n", "name\nBob\n"] {
        assert_eq!(field(world.call(world.amy, check(csv)).await), "csv", "{csv:?}");
        assert_eq!(field(world.call(world.amy, apply(csv)).await), "csv", "{csv:?}");
    }
    let many: String = (0..2_001).map(|i| format!("p{i},P\n")).collect();
    let long = "x".repeat(1024 * 1024);
    for csv in [many, long] {
        let refused =
            world.call(world.amy, apply(&format!("login,name\n{csv}"))).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::TooLarge);
        assert_eq!(refused.body().field.as_deref(), Some("csv"));
    }
}

#[tokio::test]
async fn a_table_of_2000_people_is_one_transaction() {
    let world = World::new().await;
    let person = |i: usize| {
        let manager = if i == 0 { "amy".into() } else { format!("p{}", i / 10) };
        format!("p{i},Person {i},Clerk,Floor {}/Team {};All,{manager}\n", i % 7, i % 50)
    };
    let lines: String = (0..2_000).map(person).collect();
    let csv = format!("login,name,title,department,manager\n{}", lines.replace("p0,p0", "p0,"));
    world.kit.committed();
    let report = world.imports(&csv).await;
    assert!(report.applied, "{:?}", report.lines.iter().find(|line| line.action == Action::Error));
    assert_eq!(world.kinds(), [kind::IMPORTED]);
    assert_eq!(world.call(world.amy, Get {}).await.unwrap().members, 2_001);
    assert_eq!(world.tree().await.len(), report.departments.len());
    let again = world.imports(&csv).await;
    assert!(all(&again, Action::Same));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_imports_at_once_are_as_one_after_the_other() {
    let world = World::new().await;
    let table = |name: &str| {
        let lines: String = (0..40).map(|i| format!("p{i},{name} {i},HQ/{}\n", i % 4)).collect();
        format!("login,name,department\n{lines}")
    };
    let (one, two) = (table("One"), table("Two"));
    let import = |csv: String| {
        let (host, amy) = (world.kit.host().clone(), world.amy);
        tokio::spawn(async move { host.call_typed(amy, None, &apply(&csv)).await })
    };
    let (first, second) = (import(one.clone()), import(two.clone()));
    let reports = [first.await.unwrap().unwrap(), second.await.unwrap().unwrap()];
    assert!(reports.iter().all(|report| report.applied));
    let adding = reports.iter().filter(|report| all(report, Action::Add)).count();
    let changing = reports.iter().filter(|report| all(report, Action::Change)).count();
    assert_eq!((adding, changing), (1, 1), "the second found what the first had done");
    assert_eq!(world.tree().await.len(), 5, "no department twice");
    let names: HashSet<_> = world.people().await.into_iter().map(|it| it.name).collect();
    let whole = |name: &str| (0..40).all(|i| names.contains(&format!("{name} {i}")));
    assert!(whole("One") != whole("Two"), "all of one table: {names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_and_changes_by_hand_never_make_a_circle_or_lose_a_department() {
    for round in 0..8 {
        let world = World::new().await;
        world.imports("login,name,department\nbob,Bob,Shops/Central\ncat,Cat,HQ\n").await;
        let (bob, cat) = (world.named("bob").await, world.named("cat").await);
        let under =
            UpdateMember { user: Some(bob.user), manager: Some(Some(cat.user)), ..change() };
        let removal = department::Remove { department: bob.departments[0] };
        let csv = "login,name,department,manager\ncat,Cat,Shops/Central,bob\n";
        let amy = world.amy;
        let (host, args) = (world.kit.host().clone(), apply(csv));
        let import = tokio::spawn(async move { host.call_typed(amy, None, &args).await });
        let host = world.kit.host().clone();
        let by_hand = tokio::spawn(async move {
            let under = host.call_typed(amy, None, &under).await.is_ok();
            (under, host.call_typed(amy, None, &removal).await.is_ok())
        });
        let applied = import.await.unwrap().unwrap().applied;
        let (under, _) = by_hand.await.unwrap();
        assert!(applied != under, "round {round}: of two who name each other one is refused");
        let tree: HashSet<_> = world.tree().await.into_iter().map(|it| it.department).collect();
        for person in world.people().await {
            assert!(person.departments.iter().all(|department| tree.contains(department)));
        }
    }
}

fn lines() -> impl Strategy<Value = String> {
    let pick = |choices: &'static [&'static str]| prop::sample::select(choices);
    let login = pick(&["amy", "bob", "cat", "dan", "eve", "zoe", "left"]);
    let name = pick(&["", "Amy", "Bob 陳", "=1+1", "\"a,\"\"b\"\"\""]);
    let path = pick(&["", "Shops", "HQ;Shops", "HQ/IT", "Shops/Central/Till", "/"]);
    let manager = pick(&["", "", "amy", "bob", "cat", "dan", "left"]);
    let line = (login, name, path, manager, pick(&["", "en", "xx"]));
    let line = line.prop_map(|(login, name, path, manager, locale)| {
        format!("{login},{name},{path},{manager},{locale}\n")
    });
    prop::collection::vec(line, 1..8).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_the_tables_say_they_do_once_what_the_check_said(
        tables in prop::collection::vec(lines(), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let (left, _) = world.joins("left").await;
            world.call(world.amy, RemoveMember { user: left.user }).await.unwrap();
            for lines in tables {
                let mut csv = format!("login,name,department,manager,locale\n{lines}");
                // What is wrong is tried, then left out.
                let said = loop {
                    let before = world.everything().await;
                    let said = world.call(world.amy, check(&csv)).await.unwrap();
                    prop_assert_eq!(world.everything().await, before.clone());
                    if !said.lines.iter().any(|line| line.action == Action::Error) {
                        break said;
                    }
                    prop_assert_eq!(&world.imports(&csv).await, &said);
                    prop_assert_eq!(world.everything().await, before);
                    let wrong = said.lines.iter().filter(|line| line.action == Action::Error);
                    let wrong: HashSet<_> = wrong.map(|line| line.line).collect();
                    let right = csv.lines().zip(1..).filter(|(_, line)| !wrong.contains(line));
                    csv = right.map(|(text, _)| format!("{text}\n")).collect();
                };
                prop_assert_eq!(world.imports(&csv).await, Report { applied: true, ..said });
                let after = world.everything().await;
                let again = world.imports(&csv).await;
                prop_assert!(again.applied && all(&again, Action::Same), "{:?}", again);
                prop_assert_eq!(world.everything().await, after);
            }
            Ok(())
        })?;
    }
}
