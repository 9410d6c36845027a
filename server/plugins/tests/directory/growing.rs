//! Whatever is done with departments, they stay a tree.

use std::collections::HashMap;

use carillon_protocol::department::{Create, Move, Remove, Update};
use proptest::{collection::vec, prelude::*};

use crate::*;

/// What somebody tries; numbers choose among the departments that were ever made.
#[derive(Debug, Clone)]
enum Step {
    Create { parent: Option<usize>, name: u8 },
    Rename { department: usize, name: u8 },
    Move { department: usize, parent: Option<usize>, before: Option<usize> },
    Remove { department: usize },
    Join { department: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (one, any) = (0..12_usize, proptest::option::weighted(0.8, 0..12_usize));
    let step = prop_oneof![
        4 => (any.clone(), 0..6_u8).prop_map(|(parent, name)| Step::Create { parent, name }),
        1 => (one.clone(), 0..6_u8)
            .prop_map(|(department, name)| Step::Rename { department, name }),
        4 => (one.clone(), any, proptest::option::weighted(0.3, 0..12_usize)).prop_map(
            |(department, parent, before)| Step::Move { department, parent, before }
        ),
        1 => one.clone().prop_map(|department| Step::Remove { department }),
        1 => one.prop_map(|department| Step::Join { department }),
    ];
    vec(step, 1..40)
}

async fn take(world: &World, made: &mut Vec<DepartmentId>, step: Step) -> Result<(), Error> {
    let amy = world.amy;
    let of = |number: usize| made.get(number).copied();
    let Some(first) = of(0) else {
        made.push(world.department("first", None).await);
        return Ok(());
    };
    let one = |number: usize| of(number).unwrap_or(first);
    let text = |name: u8| format!("n{name}");
    match step {
        Step::Create { parent, name } => {
            let parent = parent.and_then(of);
            let create = Create { name: text(name), parent, head: None };
            made.push(world.call(amy, create).await?.department);
        }
        Step::Rename { department, name } => {
            let name = Some(text(name));
            world.call(amy, Update { department: one(department), name, head: None }).await?;
        }
        Step::Move { department, parent, before } => {
            let (parent, before) = (parent.and_then(of), before.and_then(of));
            world.call(amy, Move { department: one(department), parent, before }).await?;
        }
        Step::Remove { department } => {
            world.call(amy, Remove { department: one(department) }).await?;
        }
        Step::Join { department } => {
            let departments = vec![one(department)];
            let login = format!("p{}", cid()).to_lowercase();
            world.call(amy, AddMember { departments, password: None, ..person(&login) }).await?;
        }
    }
    Ok(())
}

/// Each after its parent, at most ten levels, siblings of different names, and everybody's
/// departments among them.
async fn is_a_tree(world: &World) -> Result<(), TestCaseError> {
    let mut levels = HashMap::new();
    let mut names = HashSet::new();
    let tree = world.tree().await;
    for department in &tree {
        let level = match department.parent {
            None => 1,
            Some(parent) => match levels.get(&parent) {
                Some(above) => above + 1,
                None => return Err(TestCaseError::fail("a department stands before its parent")),
            },
        };
        prop_assert!(level <= 10);
        levels.insert(department.department, level);
        prop_assert!(names.insert((department.parent, department.name.clone())));
    }
    let rows = "SELECT COUNT(*) FROM directory_department";
    let row = world.kit.host().storage().query(rows, Vec::new()).await.unwrap().pop().unwrap();
    prop_assert_eq!(row.get::<u64>(0).unwrap(), tree.len() as u64, "one hangs in the air");
    let args = ListMembers { limit: Some(200), ..ListMembers::default() };
    let people = world.call(world.amy, args).await.unwrap().members;
    let mut counted: HashMap<DepartmentId, u64> = HashMap::new();
    for department in people.iter().flat_map(|person| &person.departments) {
        *counted.entry(*department).or_default() += 1;
    }
    for department in &tree {
        let count = counted.remove(&department.department).unwrap_or(0);
        prop_assert_eq!(count, department.members);
    }
    prop_assert!(counted.is_empty(), "somebody is where nothing is");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_changes_keep_the_tree_a_tree(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (world, mut made) = (World::new().await, Vec::new());
            for step in steps {
                let refused = take(&world, &mut made, step.clone()).await.err();
                let code = refused.as_ref().map(Error::code);
                let expected = [ErrorCode::BadArg, ErrorCode::Conflict, ErrorCode::NotFound];
                let fine = code.is_none_or(|code| expected.contains(&code));
                prop_assert!(fine, "{:?} answers {:?}", step, refused);
                is_a_tree(&world).await?;
            }
            Ok(())
        })?;
    }
}
