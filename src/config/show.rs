//! The settings in force, written as the file that would give them. Their names and their order are
//! those under which [`Config`] is serialized: there is no second list.

use std::fmt;
use std::path::Path;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Config;
use crate::admin::scrape;
use crate::cluster;
use crate::transport::{clearnet, link, onion_service};

impl Config {
    /// Returns every setting that has an effect, as TOML. Read as a file, with the same flags and
    /// environment for the settings that no file has (they are comments), it gives this
    /// configuration again.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // No configuration that was loaded is refused; if one is, nothing of it is passed off as
        // valid.
        self.try_to_toml().unwrap_or_else(|error| format!("# this configuration cannot be shown: {error}\n"))
    }

    fn try_to_toml(&self) -> Result<String, Box<dyn std::error::Error>> {
        // JSON keeps the order of serialization, which a `toml::Table` does not.
        let Entries(entries) = serde_json::from_str(&serde_json::to_string(self)?)?;
        let mut comments = String::new();
        let mut tables: Vec<(&str, String)> = Vec::new();
        for (name, value) in &entries {
            let Some((table, key)) = name.split_once('.') else {
                comments.push_str(&comment(name, value.as_ref()));
                continue;
            };
            let Some(value) = value else {
                comments.push_str(&format!("# [{table}] {key}: not set\n"));
                continue;
            };
            let line = format!("{key} = {value}\n");
            match tables.iter_mut().find(|(name, _)| *name == table) {
                Some((_, lines)) => lines.push_str(&line),
                None => tables.push((table, line)),
            }
        }
        let tables = tables.into_iter().map(|(name, lines)| format!("\n[{name}]\n{lines}"));
        Ok([comments].into_iter().chain(tables).chain([self.tor_table()?]).collect())
    }

    /// Returns Arti's own table, which may hold values that JSON has no notation for.
    fn tor_table(&self) -> Result<String, toml::ser::Error> {
        #[derive(Serialize)]
        struct Root<'a> {
            tor: &'a toml::Table,
        }
        let Some(onion) = &self.onion else { return Ok(String::new()) };
        toml::to_string(&Root { tor: &onion.tor }).map(|text| format!("\n{text}"))
    }
}

/// Writes a setting that no file has. The text is quoted, since a line break in a path would end
/// the comment.
fn comment(name: &str, value: Option<&toml::Value>) -> String {
    format!("# {name}: {:?}\n", value.and_then(toml::Value::as_str).unwrap_or_default())
}

/// The serialized settings, in order. `None`: not set.
struct Entries(Vec<(String, Option<toml::Value>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("settings by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// Serializes a path as text, with a sign in place of each byte that is no part of a character.
pub(super) fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

pub(super) fn serialize_metrics<S>(metrics: &Option<scrape::Config>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
{
    serialize_or_off(metrics.as_ref(), "metrics.listen", serializer)
}

pub(super) fn serialize_clearnet<S>(clearnet: &Option<clearnet::Config>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
{
    serialize_or_off(clearnet.as_ref(), "clearnet.listen", serializer)
}

pub(super) fn serialize_cluster<S>(cluster: &Option<cluster::Config>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
{
    serialize_or_off(cluster.as_ref(), "cluster.nats", serializer)
}

pub(super) fn serialize_hub<S>(hub: &Option<link::HubConfig>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
{
    serialize_or_off(hub.as_ref(), "hub.listen", serializer)
}

pub(super) fn serialize_front<S>(front: &Option<link::FrontConfig>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
{
    serialize_or_off(front.as_ref(), "front.hub", serializer)
}

/// Serializes a part, or only that the key that would turn it on is not set.
fn serialize_or_off<S, T>(part: Option<&T>, key: &'static str, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    T: Serialize,
{
    if let Some(part) = part {
        return part.serialize(serializer);
    }
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(key, &None::<()>)?;
    map.end()
}

/// Serializes the onion service's part behind the key that turns it on.
pub(super) fn serialize_onion<S>(onion: &Option<onion_service::Config>, serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
{
    #[derive(Serialize)]
    struct Switched<'a> {
        #[serde(rename = "onion.enabled")]
        enabled: bool,
        #[serde(flatten)]
        part: Option<&'a onion_service::Config>,
    }
    Switched { enabled: onion.is_some(), part: onion.as_ref() }.serialize(serializer)
}
