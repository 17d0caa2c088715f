//! Which characters of other people's texts do something else than to be seen where they stand.

/// Tells whether a terminal does something else with it than to show it where it stands, or shows
/// nothing at all: control characters; marks, embeddings, overrides and isolates of direction;
/// spaces and fillers without width or ink; tags.
///
/// U+200C, U+200D and the variation selectors are not among them: Persian, Kurdish and the
/// languages of India are not readable without, nor are emoji of several parts. Where they stand
/// otherwise, they are hidden as well.
#[must_use]
pub fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}' | '\u{200e}'
            | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}
