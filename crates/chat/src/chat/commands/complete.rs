//! What Tab completes.

use super::super::Chat;
use super::about::COMMANDS;

impl Chat {
    /// Returns whether Tab completes what is written.
    pub(crate) fn completes(&self) -> bool {
        let text = self.composer().text();
        text.starts_with('/') && !text.starts_with("//") && !text.contains('\n')
    }

    /// Returns what can be written next: commands, or the names that a command can be about.
    pub(crate) fn completions(&self) -> Vec<String> {
        let text = self.composer().text().strip_prefix('/').unwrap_or_default();
        match text.split_once(' ') {
            None => COMMANDS.iter().filter(|name| name.starts_with(text)).map(|name| format!("/{name} ")).collect(),
            Some((command, begun)) => {
                let names = self.names_for(command).into_iter().filter(|name| name.starts_with(begun));
                names.map(|name| format!("/{command} {name}")).collect()
            }
        }
    }

    fn names_for(&self, command: &str) -> Vec<String> {
        let contacts = self.conversations.iter().filter(|known| !known.is_group()).map(|known| known.name.clone());
        let members = || self.conversation().and_then(|open| open.group()).map(|group| group.members.iter());
        match command {
            "add" => contacts.collect(),
            "open" => self.in_order().iter().map(|known| known.name.clone()).collect(),
            "remove" | "admin" => members().into_iter().flatten().map(|member| member.member.clone()).collect(),
            "join" | "refuse" => self.offers.iter().map(|offer| offer.group.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Writes the rest of what is begun, as far as there is one way.
    pub(crate) fn complete(&mut self) {
        let found = self.completions();
        let Some(first) = found.first() else { return };
        let common = found.iter().fold(first.as_str(), |common, other| shared(common, other));
        if common.len() > self.composer().text().len() {
            let common = common.to_owned();
            self.composer_mut().set(&common);
        }
    }
}

/// Returns what two texts begin with.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.char_indices().zip(other.chars()).find(|((_, this), that)| this != that);
    let end = same.map_or(one.len().min(other.len()), |((place, _), _)| place);
    one.get(..end).unwrap_or_default()
}
