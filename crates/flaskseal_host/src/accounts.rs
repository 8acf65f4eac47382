//! Users and groups: passwd(5), group(5).

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    pub name: String,
    pub id: u32,
    /// The primary group.
    pub group: u32,
    pub home: String,
    /// Whether somebody can log in: its shell is none of those that refuse.
    pub may_log_in: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    pub name: String,
    pub id: u32,
    /// Names of those who are in it besides those whose primary group it is.
    pub members: Vec<String>,
}

/// Everybody whom the machine knows by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accounts {
    pub users: Vec<User>,
    pub groups: Vec<Group>,
}

/// Lines of one file.
const MAX_LINES: usize = 20_000;

impl Accounts {
    pub fn read(passwd: &str, group: &str) -> Self {
        let users = passwd.lines().take(MAX_LINES).filter_map(|line| {
            let mut fields = line.split(':');
            let (name, _, id, group) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            let (_, home, shell) = (fields.next()?, fields.next()?, fields.next().unwrap_or("/bin/sh"));
            let refuses = shell.ends_with("nologin") || shell.ends_with("/false") || shell.ends_with("/sync");
            Some(User {
                name: name.to_owned(),
                id: id.parse().ok()?,
                group: group.parse().ok()?,
                home: home.to_owned(),
                may_log_in: !refuses,
            })
        });
        let groups = group.lines().take(MAX_LINES).filter_map(|line| {
            let mut fields = line.split(':');
            let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
            let members = fields.next().unwrap_or("").split(',').map(str::trim);
            Some(Group {
                name: name.to_owned(),
                id: id.parse().ok()?,
                members: members.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            })
        });
        Self { users: users.collect(), groups: groups.collect() }
    }

    /// A user by name, or by number as `User=1000` says it.
    pub fn user(&self, name: &str) -> Option<&User> {
        let by_number =
            || name.parse::<u32>().ok().and_then(|id| self.users.iter().find(|user| user.id == id));
        self.users.iter().find(|user| user.name == name).or_else(by_number)
    }

    pub fn user_name(&self, id: u32) -> String {
        self.users.iter().find(|user| user.id == id).map_or_else(|| id.to_string(), |user| user.name.clone())
    }

    pub fn group_name(&self, id: u32) -> String {
        self.groups
            .iter()
            .find(|group| group.id == id)
            .map_or_else(|| id.to_string(), |group| group.name.clone())
    }

    /// The numbers of all groups that a user is in.
    pub fn groups_of(&self, user: &User) -> Vec<u32> {
        let others = self.groups.iter().filter(|group| group.members.contains(&user.name));
        std::iter::once(user.group).chain(others.map(|group| group.id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_and_lines_that_are_none() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nshop:x:998:998::/srv/shop:/usr/sbin/nologin\nbroken\n+::::::\n";
        let group = "root:x:0:\nshop:x:998:deploy,www-data\ndocker:x:999:shop\nbad:x:y:\n";
        let accounts = Accounts::read(passwd, group);
        let shop = accounts.user("shop").unwrap();
        assert!(!shop.may_log_in && accounts.user("root").unwrap().may_log_in);
        assert_eq!(accounts.user("998"), Some(shop));
        assert_eq!(accounts.groups_of(shop), [998, 999]);
        assert_eq!((accounts.user_name(998), accounts.group_name(7)), ("shop".to_owned(), "7".to_owned()));
    }
}
