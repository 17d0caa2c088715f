//! `[onion] nodes`: further addresses that lead to the same service.

use toml::de::DeValue;

use ephemeral_tor::NodeList;

/// Reads the list. An empty one is the default: there are no further addresses.
pub(super) fn read(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let says = format!(
        "must be a list of at most {} addresses, each once: \"NAME.onion\", \"NAME.onion:PORT\", \"wss://HOST\" or \
         \"wss://HOST:PORT\", in lower case",
        NodeList::MOST
    );
    let texts = |value: &DeValue<'_>| {
        let items = value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
        items.collect::<Option<Vec<_>>>()
    };
    let nodes = texts(value).ok_or_else(|| says.clone())?;
    if nodes.is_empty() {
        return Ok(nodes);
    }
    NodeList::check(&nodes).map_err(|_| says)?;
    Ok(nodes)
}
