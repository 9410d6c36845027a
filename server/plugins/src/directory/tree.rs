//! The tree of departments. Pure: what may be done with it, decided on all of it.

use std::{
    collections::{HashMap, HashSet},
    iter,
};

use carillon_plugin::{Error, Result};
use carillon_protocol::{DepartmentId, department::Department};

/// How many levels there may be: more than companies have, and few enough to show.
pub(super) const LEVELS_MAX: usize = 10;
/// The most departments of an organisation: one answer holds all of them.
pub(super) const DEPARTMENTS_MAX: usize = 1_000;

/// All departments of an organisation, each after its parent, siblings in their order.
pub(super) struct Tree {
    all: Vec<Department>,
    places: HashMap<DepartmentId, usize>,
}

impl Tree {
    /// The tree of departments that are sorted as siblings are.
    pub(super) fn new(sorted: Vec<Department>) -> Tree {
        let mut below: HashMap<Option<DepartmentId>, Vec<Department>> = HashMap::new();
        for department in sorted {
            below.entry(department.parent).or_default().push(department);
        }
        let reversed = |siblings: Option<Vec<Department>>| siblings.into_iter().flatten().rev();
        let mut waiting: Vec<Department> = reversed(below.remove(&None)).collect();
        let mut all = Vec::new();
        while let Some(department) = waiting.pop() {
            waiting.extend(reversed(below.remove(&Some(department.department))));
            all.push(department);
        }
        let places = all.iter().enumerate().map(|(place, it)| (it.department, place)).collect();
        Tree { all, places }
    }

    pub(super) fn into_list(self) -> Vec<Department> {
        self.all
    }

    pub(super) fn get(&self, department: DepartmentId) -> Result<&Department> {
        let place = self.places.get(&department).ok_or_else(|| Error::not_found("department"))?;
        Ok(&self.all[*place])
    }

    /// The department and those above it, upwards.
    fn upwards(&self, from: Option<DepartmentId>) -> impl Iterator<Item = &Department> {
        let find = |id: DepartmentId| self.places.get(&id).map(|place| &self.all[*place]);
        iter::successors(from.and_then(find), move |it| it.parent.and_then(find))
    }

    /// The departments right below one, in their order.
    pub(super) fn children(&self, of: Option<DepartmentId>) -> Vec<DepartmentId> {
        let children = self.all.iter().filter(|it| it.parent == of);
        children.map(|it| it.department).collect()
    }

    /// Some departments with all below them, each once.
    pub(super) fn with_below(&self, asked: &[DepartmentId]) -> Result<Vec<DepartmentId>> {
        asked.iter().try_for_each(|department| self.get(*department).map(drop))?;
        let mut found: HashSet<DepartmentId> = asked.iter().copied().collect();
        // A parent stands before what is below it.
        for it in &self.all {
            if it.parent.is_some_and(|parent| found.contains(&parent)) {
                found.insert(it.department);
            }
        }
        Ok(found.into_iter().collect())
    }

    /// How many levels a department takes with all below it.
    fn levels(&self, department: DepartmentId) -> usize {
        let lowest = self.all.iter().filter_map(|it| {
            self.upwards(Some(it.department)).position(|it| it.department == department)
        });
        lowest.max().unwrap_or(0) + 1
    }

    /// Refuses a name that a sibling has.
    pub(super) fn check_name(
        &self,
        parent: Option<DepartmentId>,
        name: &str,
        but: Option<DepartmentId>,
    ) -> Result<()> {
        let taken =
            |it: &&Department| it.parent == parent && it.name == name && Some(it.department) != but;
        match self.all.iter().find(taken) {
            Some(_) => {
                Err(Error::conflict("a department there has that name already").field("name"))
            }
            None => Ok(()),
        }
    }

    /// Refuses a new department where there is no room.
    pub(super) fn check_new(&self, parent: Option<DepartmentId>, name: &str) -> Result<()> {
        if self.all.len() >= DEPARTMENTS_MAX {
            let msg = format!("an organisation has at most {DEPARTMENTS_MAX} departments");
            return Err(Error::too_large("name", msg));
        }
        self.check_room(parent, 1)?;
        self.check_name(parent, name, None)
    }

    /// Where a department comes: the siblings in their new order, itself among them.
    pub(super) fn moved(
        &self,
        department: DepartmentId,
        parent: Option<DepartmentId>,
        before: Option<DepartmentId>,
    ) -> Result<Vec<DepartmentId>> {
        let moved = self.get(department)?;
        if self.upwards(parent).any(|above| above.department == department) {
            return Err(Error::bad_arg("parent", "a department cannot be put below itself"));
        }
        self.check_room(parent, self.levels(department))?;
        self.check_name(parent, &moved.name, Some(department))?;
        let mut siblings = self.children(parent);
        siblings.retain(|sibling| *sibling != department);
        let place = match before {
            None => siblings.len(),
            Some(before) => {
                self.get(before)?;
                let place = siblings.iter().position(|sibling| *sibling == before);
                let msg = "`before` is one of the departments that it comes among";
                place.ok_or_else(|| Error::bad_arg("before", msg))?
            }
        };
        siblings.insert(place, department);
        Ok(siblings)
    }

    fn check_room(&self, parent: Option<DepartmentId>, levels: usize) -> Result<()> {
        if let Some(parent) = parent {
            self.get(parent)?;
        }
        if self.upwards(parent).count() + levels > LEVELS_MAX {
            let msg = format!("there are at most {LEVELS_MAX} levels");
            return Err(Error::bad_arg("parent", msg));
        }
        Ok(())
    }
}
