//! The departments of a table: paths found in the tree, or put into it.

use std::collections::HashMap;

use carillon_plugin::{Error, Result};
use carillon_protocol::{DepartmentId, department::Department};

use super::super::{
    rules,
    tree::{DEPARTMENTS_MAX, LEVELS_MAX},
};

/// A department of the tree, or one to be made, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Known(DepartmentId),
    New(usize),
}

/// A department to be made, after the one above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewDepartment {
    pub(super) parent: Option<Place>,
    pub(super) name: String,
    /// Its name with those above, from the top.
    pub(super) path: String,
}

/// The tree by its paths, with what the table adds to it.
pub(super) struct Paths {
    places: HashMap<(Option<Place>, String), Place>,
    may_grow: bool,
    pub(super) new: Vec<NewDepartment>,
}

impl Paths {
    pub(super) fn new(departments: &[Department], may_grow: bool) -> Paths {
        let place = |department: &Department| {
            let parent = department.parent.map(Place::Known);
            ((parent, department.name.clone()), Place::Known(department.department))
        };
        Paths { places: departments.iter().map(place).collect(), may_grow, new: Vec::new() }
    }

    /// The department at this path. What is missing of it is made: all of it, or nothing.
    pub(super) fn place(&mut self, path: &[String]) -> Result<Place> {
        let (mut at, mut found) = (None, 0);
        while let Some(name) = path.get(found)
            && let Some(next) = self.places.get(&(at, name.clone()))
        {
            (at, found) = (Some(*next), found + 1);
        }
        if found < path.len() {
            self.may_add(path, path.len() - found)?;
        }
        for (number, name) in path.iter().enumerate().skip(found) {
            let next = Place::New(self.new.len());
            let path = path[..=number].join("/");
            self.new.push(NewDepartment { parent: at, name: name.clone(), path });
            self.places.insert((at, name.clone()), next);
            at = Some(next);
        }
        at.ok_or_else(|| refused("a department has a name"))
    }

    fn may_add(&self, path: &[String], missing: usize) -> Result<()> {
        if !self.may_grow {
            return Err(refused("there is no such department, and you may not make one"));
        }
        if path.len() > LEVELS_MAX {
            return Err(refused(&format!("departments have at most {LEVELS_MAX} levels")));
        }
        if self.places.len() + missing > DEPARTMENTS_MAX {
            let msg = format!("there are at most {DEPARTMENTS_MAX} departments; reuse one");
            return Err(refused(&msg));
        }
        Ok(())
    }
}

fn refused(msg: &str) -> Error {
    Error::bad_arg("department", msg)
}

/// The paths of a cell such as `Shops/Central;HQ`, each once.
pub(super) fn paths(cell: &str) -> Result<Vec<Vec<String>>> {
    let mut paths = Vec::new();
    for path in cell.split(';').filter(|path| !path.trim().is_empty()) {
        let names = path.split('/').map(|name| rules::name("department", name));
        let path = names.collect::<Result<Vec<String>>>()?;
        if !paths.contains(&path) {
            paths.push(path);
        }
        if paths.len() > rules::DEPARTMENTS_MAX {
            let msg = format!("a person is in at most {} departments", rules::DEPARTMENTS_MAX);
            return Err(refused(&msg));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    fn path(text: &str) -> Vec<String> {
        paths(text).unwrap().remove(0)
    }

    fn tree(may_grow: bool) -> Paths {
        let department = |id, parent: Option<u128>, name: &str| Department {
            department: DepartmentId(Ulid(id)),
            parent: parent.map(|id| DepartmentId(Ulid(id))),
            name: name.into(),
            head: None,
            members: 0,
        };
        Paths::new(&[department(1, None, "Shops"), department(2, Some(1), "Central")], may_grow)
    }

    #[test]
    fn a_cell_holds_paths_parted_by_semicolons() {
        let both = [vec!["Shops".to_owned(), "Central 中環".to_owned()], vec!["HQ".to_owned()]];
        assert_eq!(paths(" Shops / Central 中環 ;HQ;; HQ").unwrap(), both);
        assert_eq!(paths(" ; ").unwrap(), [] as [Vec<String>; 0]);
        for bad in ["Shops//Central", "/Shops", "Shops/", "a\nb", &"x".repeat(101)] {
            assert_eq!(paths(bad).unwrap_err().body().field.as_deref(), Some("department"));
        }
        let many = |count| (0..count).map(|i| format!("d{i};")).collect::<String>();
        assert_eq!(paths(&many(10)).unwrap().len(), 10);
        assert!(paths(&many(11)).is_err());
    }

    #[test]
    fn what_is_there_is_found_and_what_is_missing_is_made_once() {
        let mut tree = tree(true);
        let central = Place::Known(DepartmentId(Ulid(2)));
        assert_eq!(tree.place(&path("Shops/Central")).unwrap(), central);
        assert_eq!(tree.place(&path("Shops/Central/Till/Night")).unwrap(), Place::New(1));
        assert_eq!(tree.place(&path("Shops/Central/Till")).unwrap(), Place::New(0));
        assert_eq!(tree.place(&path("Central")).unwrap(), Place::New(2), "another, at the top");
        let made: Vec<_> = tree.new.iter().map(|new| (&*new.path, new.parent)).collect();
        assert_eq!(
            made,
            [
                ("Shops/Central/Till", Some(central)),
                ("Shops/Central/Till/Night", Some(Place::New(0))),
                ("Central", None),
            ]
        );
    }

    #[test]
    fn the_tree_grows_within_its_bounds_and_only_for_who_may() {
        let mut fixed = tree(false);
        assert!(fixed.place(&path("Shops")).is_ok());
        assert!(fixed.place(&path("Shops/West")).is_err());
        let mut tree = tree(true);
        assert!(tree.place(&path("1/2/3/4/5/6/7/8/9/10/11")).is_err());
        assert!(tree.new.is_empty(), "all of a path or nothing");
        assert!(tree.place(&path("1/2/3/4/5/6/7/8/9/10")).is_ok());
        for number in 0..DEPARTMENTS_MAX - 12 {
            tree.place(&path(&format!("d{number}"))).unwrap();
        }
        assert!(tree.place(&path("one more")).is_err());
        assert!(tree.place(&path("d7")).is_ok());
    }
}
