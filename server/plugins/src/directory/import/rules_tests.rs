//! What becomes of each line of a table, and that the same table again changes nothing.

use std::collections::{BTreeSet, HashMap};

use carillon_protocol::{
    DepartmentId, UserId,
    department::Department,
    id::Ulid,
    import::{Action, Line},
    org::Member,
};
use proptest::prelude::*;

use super::{
    paths::Place,
    rules::{Draft, Facts, Plan, Standing, Who, decide, logins},
    table::{Row, read},
};

fn user(id: u128) -> UserId {
    UserId(Ulid(id))
}

fn department(id: u128) -> DepartmentId {
    DepartmentId(Ulid(id))
}

fn person(id: u128, name: &str) -> Member {
    Member {
        user: user(id),
        login: name.to_lowercase(),
        name: name.into(),
        title: None,
        app: false,
        admin: false,
        active: true,
        departments: Vec::new(),
        manager: None,
        roles: Vec::new(),
        locale: "zh-HK".into(),
        tz: "Asia/Hong_Kong".into(),
        password: true,
    }
}

/// Amy manages Bob, who manages Cat; Lee left, and Zoe is of another organisation.
fn facts() -> Facts {
    let here = |login: &str, person| (login.to_owned(), Standing::Here(Box::new(person)));
    let amy = Member {
        title: Some("Boss".into()),
        departments: vec![department(2), department(1)],
        ..person(1, "Amy")
    };
    let known = |id, parent: Option<u128>, name: &str| Department {
        department: department(id),
        parent: parent.map(department),
        name: name.into(),
        head: None,
        members: 0,
    };
    Facts {
        people: HashMap::from([
            here("amy", amy),
            here("bob", Member { manager: Some(user(1)), ..person(2, "Bob") }),
            here("cat", Member { manager: Some(user(2)), ..person(3, "Cat") }),
            ("lee".to_owned(), Standing::Left),
            ("zoe".to_owned(), Standing::Elsewhere),
        ]),
        managers: HashMap::from([(user(2), user(1)), (user(3), user(2))]),
        departments: vec![known(1, None, "Shops"), known(2, Some(1), "Central")],
        may_grow: true,
    }
}

fn plan(text: &str) -> Plan {
    decide(&read(text).unwrap(), &facts())
}

/// The only line of a table of these columns.
fn only(columns: &str, cells: &str) -> Line {
    let mut plan = plan(&format!("{columns}\n{cells}\n"));
    assert_eq!(plan.lines.len(), 1, "{cells}");
    plan.lines.remove(0)
}

fn action(line: &Line) -> (Action, Vec<&str>) {
    (line.action, line.changes.iter().map(String::as_str).collect())
}

fn wrong(line: &Line) -> (&str, &str) {
    assert_eq!(line.action, Action::Error, "{line:?}");
    (line.field.as_deref().unwrap_or_default(), line.msg.as_deref().unwrap())
}

#[test]
fn a_line_adds_changes_or_leaves_as_it_is() {
    let columns = "login,name,title,department,manager,locale,tz";
    for (cells, expected) in [
        ("dan,Dan,,,,,", (Action::Add, vec!["name"])),
        ("dan,Dan,,Shops,amy,,", (Action::Add, vec!["name", "department", "manager"])),
        ("amy,Amy,,,,,", (Action::Same, vec![])),
        ("AMY,,,,,,", (Action::Same, vec![])),
        ("amy,Amy,Boss,Shops/Central;Shops,,zh-HK,Asia/Hong_Kong", (Action::Same, vec![])),
        ("amy,Amy,Boss,Shops;Shops/Central,,,", (Action::Change, vec!["department"])),
        ("amy,Amy,Boss,Shops/Central/Till,,,", (Action::Change, vec!["department"])),
        ("bob,Bob,,,amy,,", (Action::Same, vec![])),
        (
            "cat,Cat 陳,Clerk,Shops,AMY,en,Europe/London",
            (Action::Change, vec!["name", "title", "department", "manager", "locale", "tz"]),
        ),
    ] {
        assert_eq!(action(&only(columns, cells)), expected, "{cells}");
    }
    let line = only("login,name", "amy,");
    assert_eq!((&*line.login, &*line.name, line.line), ("amy", "Amy", 2));
}

#[test]
fn what_looks_like_a_formula_is_a_text() {
    let plan = plan("login,name,title\ndan,=cmd()|'/C calc'!A0,\"+1,@SUM(A1)\"");
    assert_eq!(plan.lines[0].action, Action::Add);
    let dan = &plan.people[0];
    assert_eq!(dan.name.as_deref(), Some("=cmd()|'/C calc'!A0"));
    assert_eq!(dan.title.as_deref(), Some("+1,@SUM(A1)"));
}

#[test]
fn a_line_that_is_wrong_names_the_column_and_says_what_to_do() {
    let columns = "login,name,title,department,manager,locale,tz";
    let long = "x".repeat(101);
    for (cells, field, said) in [
        (",Dan,,,,,", "login", "2 to 64 letters"),
        ("陳大文,Dan,,,,,", "login", "2 to 64 letters"),
        ("dan,,,,,,", "name", "a new person has a name"),
        (&format!("dan,{long},,,,,"), "name", "1 to 100 characters"),
        (&format!("dan,Dan,{long},,,,"), "title", "1 to 100 characters"),
        ("dan,\"Dan\nEve\",,,,,", "name", "a quotation mark that is missing"),
        ("dan,\"Dan,,,,,\neve,Eve,,,,,", "name", "a quotation mark that is missing"),
        ("dan,Dan,Clerk,Shops,,,,late", "", "a text under no column"),
        ("lee,Lee,,,,,", "login", "this person left"),
        ("zoe,Zoe,,,,,", "login", "that sign-in name is taken"),
        ("dan,Dan,,Shops//Till,,,", "department", "1 to 100 characters"),
        ("dan,Dan,,1/2/3/4/5/6/7/8/9/10/11,,,", "department", "at most 10 levels"),
        ("dan,Dan,,1;2;3;4;5;6;7;8;9;10;11,,,", "department", "at most 10 departments"),
        ("dan,Dan,,,eve,,", "manager", "nobody here has the sign-in name `eve`"),
        ("dan,Dan,,,lee,,", "manager", "nobody here"),
        ("dan,Dan,,,zoe,,", "manager", "nobody here"),
        ("dan,Dan,,,Amy Chan,,", "manager", "2 to 64 letters"),
        ("dan,Dan,,,dan,,", "manager", "nobody manages themselves"),
        ("amy,Amy,,,cat,,", "manager", "not even over others"),
        ("dan,Dan,,,,zh-TW,", "locale", "is one of zh-HK, zh-CN, en"),
        ("dan,Dan,,,,,Hong Kong", "tz", "is written like"),
    ] {
        let line = only(columns, cells);
        let (named, msg) = wrong(&line);
        assert_eq!(named, field, "{cells}: {msg}");
        assert!(msg.contains(said), "{cells}: {msg}");
    }
}

#[test]
fn a_sign_in_name_stands_in_a_table_once() {
    let plan = plan("login,name\ndan,Dan\nAmy,Amy\nDAN,Dan 2\namy,Amy 2\n");
    let actions: Vec<_> = plan.lines.iter().map(|line| line.action).collect();
    assert_eq!(actions, [Action::Add, Action::Same, Action::Error, Action::Error]);
    assert_eq!(wrong(&plan.lines[2]), ("login", "line 2 has the same sign-in name"));
    assert_eq!(wrong(&plan.lines[3]), ("login", "line 3 has the same sign-in name"));
}

#[test]
fn managers_may_stand_further_down_and_never_go_round() {
    let table = "login,name,manager\ndan,Dan,eve\neve,Eve,fay\nfay,Fay,amy\n";
    let chain = plan(table);
    assert!(!chain.is_refused(), "{:?}", chain.lines);
    let managers: Vec<_> = chain.people.iter().map(|draft| draft.manager).collect();
    assert_eq!(managers, [Some(Who::New(1)), Some(Who::New(2)), Some(Who::Known(user(1)))]);

    let round = plan(&format!("{table}amy,Amy,dan\ngus,Gus,dan\n"));
    let actions: Vec<_> = round.lines.iter().map(|line| line.action).collect();
    let around = [Action::Error; 4];
    assert_eq!((&actions[..4], actions[4]), (&around[..], Action::Add), "Gus only stands below");

    let turned = plan("login,name,manager\namy,Amy,cat\nbob,Bob,\ncat,Cat,\n");
    assert_eq!(wrong(&turned.lines[0]).0, "manager", "over those who keep their managers");
    let swapped = plan("login,name,manager\nbob,Bob,cat\ncat,Cat,amy\n");
    assert!(!swapped.is_refused(), "who changes at once does not meet: {:?}", swapped.lines);
}

#[test]
fn departments_that_are_missing_are_made_once_by_who_may() {
    let table = "login,name,department\ndan,Dan,HQ/IT;Shops\neve,Eve,HQ\nfay,Fay,HQ/IT\n";
    let made = plan(table);
    let paths: Vec<_> = made.departments.iter().map(|new| &*new.path).collect();
    assert_eq!(paths, ["HQ", "HQ/IT"]);
    let shops = Place::Known(department(1));
    let places: Vec<_> = made.people.iter().map(|it| it.departments.clone().unwrap()).collect();
    assert_eq!(places, [vec![Place::New(1), shops], vec![Place::New(0)], vec![Place::New(1)]]);

    let facts = Facts { may_grow: false, ..facts() };
    let refused = decide(&read(table).unwrap(), &facts);
    assert!(refused.departments.is_empty());
    let named: Vec<_> = refused.lines.iter().map(|line| wrong(line).0).collect();
    assert_eq!(named, ["department"; 3]);
}

#[test]
fn an_error_in_one_line_is_not_blamed_on_others() {
    let plan = plan("login,name,manager\ndan,,\neve,Eve,dan\n");
    let actions: Vec<_> = plan.lines.iter().map(|line| line.action).collect();
    assert_eq!(actions, [Action::Error, Action::Add]);
}

#[test]
fn a_line_of_the_report_is_short_whatever_the_table_holds() {
    let huge = "長".repeat(50_000);
    let line = only("login,name,department,manager", &format!("{huge},{huge},{huge},{huge}"));
    assert!(serde_json::to_string(&line).unwrap().len() < 1_000);
}

/// The directory after a plan was carried out: what the tables would hold.
fn carried_out(facts: &Facts, plan: &Plan) -> Facts {
    let mut after = facts.clone();
    let id_of = |who| match who {
        Who::Known(id) => id,
        Who::New(row) => user(1_000 + row as u128),
    };
    let place_of = |place| match place {
        Place::Known(id) => id,
        Place::New(number) => department(1_000 + number as u128),
    };
    for (number, new) in plan.departments.iter().enumerate() {
        after.departments.push(Department {
            department: place_of(Place::New(number)),
            parent: new.parent.map(place_of),
            name: new.name.clone(),
            head: None,
            members: 0,
        });
    }
    for draft in &plan.people {
        let (id, draft) = (id_of(draft.who), draft.clone());
        let Draft { login, name, title, departments, manager, locale, tz, .. } = draft;
        let before = match after.people.remove(&login) {
            Some(Standing::Here(person)) => *person,
            _ => person(id.0.0, ""),
        };
        let manager = manager.map(id_of).or(before.manager);
        after.managers.extend(manager.map(|manager| (id, manager)));
        let departments = departments.map(|places| places.into_iter().map(place_of).collect());
        let person = Member {
            name: name.unwrap_or(before.name),
            title: title.or(before.title),
            departments: departments.unwrap_or(before.departments),
            manager,
            locale: locale.unwrap_or(before.locale),
            tz: tz.unwrap_or(before.tz),
            ..before
        };
        after.people.insert(login, Standing::Here(Box::new(person)));
    }
    after
}

/// Whether anybody manages themselves over others.
fn goes_round(managers: &HashMap<UserId, UserId>) -> bool {
    managers.keys().any(|start| {
        let above = std::iter::successors(managers.get(start), |who| managers.get(who));
        above.take(managers.len() + 1).any(|who| who == start)
    })
}

/// The lines of a table that are right, and what becomes of them.
fn without_errors(mut rows: Vec<Row>, facts: &Facts) -> (Vec<Row>, Plan) {
    loop {
        let plan = decide(&rows, facts);
        assert_eq!(plan.lines.len(), rows.len());
        if !plan.is_refused() {
            return (rows, plan);
        }
        let mut lines = plan.lines.iter();
        rows.retain(|_| lines.next().is_some_and(|line| line.action != Action::Error));
    }
}

fn cell(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(choices)
}

/// A line of a table, right more often than not.
fn cells() -> impl Strategy<Value = String> {
    const LOGINS: &[&str] = &["amy", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "lee", "zoe"];
    const MANAGERS: &[&str] = &["", "", "amy", "bob", "cat", "dan", "eve", "fay", "gus", "lee"];
    const PATHS: &[&str] =
        &["", "Shops", "HQ;Shops", "HQ/IT", "Shops/Central/Till", "IT;HQ;IT", "/"];
    let names = cell(&["", "Amy", "Bob", "Someone 人"]);
    let ends = (cell(MANAGERS), cell(&["", "en"]), cell(&["", "Europe/London"]));
    (cell(LOGINS), names, cell(&["", "Boss"]), cell(PATHS), ends).prop_map(
        |(login, name, title, path, (manager, locale, tz))| {
            format!("{login},{name},{title},{path},{manager},{locale},{tz}\n")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_same_table_again_changes_nothing(
        lines in prop::collection::vec(cells(), 1..12),
        may_grow in prop::bool::weighted(0.9),
    ) {
        let text = format!("login,name,title,department,manager,locale,tz\n{}", lines.concat());
        let facts = Facts { may_grow, ..facts() };
        let (rows, first) = without_errors(read(&text).unwrap(), &facts);
        let written: BTreeSet<_> = first.people.iter().map(|draft| draft.login.clone()).collect();
        let named = first.lines.iter().filter(|line| line.action != Action::Same);
        let named: BTreeSet<_> = named.map(|line| line.login.to_lowercase()).collect();
        prop_assert_eq!(written, named, "who is written is who was named");

        let after = carried_out(&facts, &first);
        prop_assert!(!goes_round(&after.managers));
        let again = decide(&rows, &after);
        let lines = again.lines;
        prop_assert!(lines.iter().all(|line| line.action == Action::Same), "{:?}", lines);
        prop_assert!(again.people.is_empty() && again.departments.is_empty());
    }

    #[test]
    fn any_text_gets_an_answer(text in "(?s)[\\PC\n\r]*") {
        for head in ["login,name\n", "manager,department,login,name,tz\n"] {
            if let Ok(rows) = read(&format!("{head}{text}")) {
                let plan = decide(&rows, &facts());
                prop_assert_eq!(plan.lines.len(), rows.len());
                prop_assert!(logins(&rows).iter().all(|login| login.len() <= 64));
            }
        }
    }
}
