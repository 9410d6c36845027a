//! Reads `story.txt`; its own first lines say how it is written.

/// A demo company's people and what they have said to each other.
#[derive(Debug, Default)]
pub(super) struct Story<'a> {
    pub people: Vec<Person<'a>>,
    /// Parents before their children.
    pub departments: Vec<Department<'a>>,
    pub convs: Vec<Conv<'a>>,
    /// In the order in which they happened.
    pub moments: Vec<Moment<'a>>,
}

#[derive(Debug)]
pub(super) struct Person<'a> {
    pub login: &'a str,
    pub name: &'a str,
    pub title: &'a str,
    pub admin: bool,
}

#[derive(Debug)]
pub(super) struct Department<'a> {
    pub name: &'a str,
    /// Which of [`Story::departments`] is above.
    pub parent: Option<usize>,
    path: &'a str,
    pub head: &'a str,
    pub others: Vec<&'a str>,
}

#[derive(Debug)]
pub(super) struct Conv<'a> {
    /// `None`: between two people.
    pub title: Option<&'a str>,
    pub owner: &'a str,
    pub others: Vec<&'a str>,
}

#[derive(Debug)]
pub(super) struct Moment<'a> {
    /// Which of [`Story::convs`].
    pub conv: usize,
    /// Counts back from the day of seeding; at least 1, so that nothing lies in the future.
    pub days_ago: i64,
    pub minute_of_day: i64,
    pub who: &'a str,
    /// `None`: has read everything so far.
    pub said: Option<&'a str>,
}

/// A line that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub(super) struct BadLine {
    pub line: usize,
    pub why: &'static str,
}

impl<'a> Story<'a> {
    pub fn read(text: &'a str) -> Result<Story<'a>, BadLine> {
        let mut story = Story::default();
        for (above, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                story.line(line).map_err(|why| BadLine { line: above + 1, why })?;
            }
        }
        story.moments.sort_by_key(|moment| (-moment.days_ago, moment.minute_of_day));
        Ok(story)
    }

    fn line(&mut self, line: &'a str) -> Result<(), &'static str> {
        let (first, rest) = line.split_once(char::is_whitespace).ok_or("expected more")?;
        let fields: Vec<&str> = rest.split('|').map(str::trim).collect();
        match (first, &fields[..]) {
            ("people", &[login, name, title]) => {
                let admin = login.starts_with('*');
                let login = login.trim_start_matches('*');
                self.people.push(Person { login, name, title, admin });
            }
            ("dept", &[path, head, others]) => self.department(path, head, others)?,
            ("group", &[title, owner, others]) => self.conv(Some(title), owner, others)?,
            ("direct", &[one, other]) => self.conv(None, one, other)?,
            (days, _) if days.starts_with(|c: char| c.is_ascii_digit()) => {
                let moment = self.moment(days, rest)?;
                self.moments.push(moment);
            }
            _ => return Err("expected `people`, `dept`, `group`, `direct` or a day"),
        }
        Ok(())
    }

    /// Those who are named in a line, who must be listed above it.
    fn known(&self, one: &str, others: &'a str) -> Result<Vec<&'a str>, &'static str> {
        let others: Vec<&str> = others.split_whitespace().collect();
        let known = |login: &str| self.people.iter().any(|person| person.login == login);
        if !known(one) || !others.iter().copied().all(known) {
            return Err("expected people who are listed above");
        }
        Ok(others)
    }

    fn department(
        &mut self,
        path: &'a str,
        head: &'a str,
        others: &'a str,
    ) -> Result<(), &'static str> {
        let others = self.known(head, others)?;
        let (parent, name) = match path.rsplit_once('/') {
            Some((above, name)) => {
                let parent = self.departments.iter().position(|other| other.path == above);
                (Some(parent.ok_or("expected a department that is listed above")?), name)
            }
            None => (None, path),
        };
        self.departments.push(Department { name, parent, path, head, others });
        Ok(())
    }

    fn conv(
        &mut self,
        title: Option<&'a str>,
        owner: &'a str,
        others: &'a str,
    ) -> Result<(), &'static str> {
        let others = self.known(owner, others)?;
        self.convs.push(Conv { title, owner, others });
        Ok(())
    }

    fn moment(&self, days: &str, rest: &'a str) -> Result<Moment<'a>, &'static str> {
        let days_ago: i64 = days.parse().map_err(|_| "expected a number of days")?;
        if days_ago < 1 {
            return Err("expected a day before today");
        }
        let mut parts = rest.trim_start().splitn(3, ' ');
        let time = parts.next().and_then(|time| time.split_once(':')).ok_or("expected a time")?;
        let number = |text: &str| text.parse::<i64>().map_err(|_| "expected a time");
        let minute_of_day = number(time.0)? * 60 + number(time.1)?;
        let (who, said) = parts.next().zip(parts.next()).ok_or("expected who says what")?;
        let conv = self.convs.len().checked_sub(1).ok_or("expected a conversation above")?;
        let Conv { owner, others, .. } = &self.convs[conv];
        if who != *owner && !others.contains(&who) {
            return Err("expected a member of the conversation");
        }
        let said = (said != "(reads)").then_some(said);
        Ok(Moment { conv, days_ago, minute_of_day, who, said })
    }
}
