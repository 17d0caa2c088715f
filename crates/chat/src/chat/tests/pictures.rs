//! The pictures of the guide (`docs/chat.md`), made of what the program draws.
//! `docs/pictures/render` makes them again.

use std::fmt::Write as _;
use std::path::PathBuf;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use serde_json::json;

use super::first_start::invite;
use super::screens::talk;
use super::support::{ScriptedChat, start};
use crate::layout::columns;
use crate::{ChatInput, OpeningStart};

/// A cell, in pixels.
const WIDE: usize = 9;
const HIGH: usize = 18;

/// Draws a screen as SVG.
fn svg(buffer: &Buffer) -> String {
    let area = buffer.area();
    let width = usize::from(area.width) * WIDE + 2 * WIDE;
    let height = usize::from(area.height) * HIGH + HIGH;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" \
         font-size=\"15\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#1d1f21\"/>\n"
    );
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let cell = &buffer[(x, y)];
            let mut text = String::new();
            let begin = x;
            // Each run of one look, up to what is not one column wide: that has a place of its own.
            while x < area.right() && same_look(&buffer[(x, y)], cell) {
                let wide = columns(buffer[(x, y)].symbol()).max(1);
                if wide > 1 && x > begin {
                    break;
                }
                text.push_str(buffer[(x, y)].symbol());
                x += u16::try_from(wide).unwrap();
                if wide > 1 {
                    break;
                }
            }
            run(&mut svg, (usize::from(begin), usize::from(y)), usize::from(x - begin), &text, cell);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn same_look(one: &Cell, other: &Cell) -> bool {
    (one.fg, one.bg, one.modifier) == (other.fg, other.bg, other.modifier)
}

fn run(svg: &mut String, (x, y): (usize, usize), length: usize, text: &str, cell: &Cell) {
    let reversed = cell.modifier.contains(Modifier::REVERSED) || cell.bg == Color::Indexed(231);
    if text.trim().is_empty() && !reversed {
        return;
    }
    let colour = match cell.fg {
        _ if reversed => "#1d1f21",
        Color::Cyan => "#8abeb7",
        Color::Green => "#b5bd68",
        Color::Red => "#cc6666",
        _ if cell.modifier.contains(Modifier::DIM) => "#969896",
        _ => "#e0e0e0",
    };
    let left = WIDE + x * WIDE;
    let top = HIGH / 2 + y * HIGH;
    let wide = length * WIDE;
    if reversed {
        writeln!(svg, "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{HIGH}\" fill=\"#e0e0e0\"/>").unwrap();
    }
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let base = top + HIGH - 5;
    writeln!(
        svg,
        "<text x=\"{left}\" y=\"{base}\" textLength=\"{wide}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{colour}\"{weight} \
         xml:space=\"preserve\">{text}</text>"
    )
    .unwrap();
}

fn verified() -> ScriptedChat {
    let mut scripted = talk("C");
    scripted.enter("/verify");
    let words = [
        "abandon", "ability", "able", "about", "above", "absent", "absorb", "abstract", "absurd", "abuse", "access",
        "accident", "account", "accuse", "achieve", "acid", "acoustic", "acquire",
    ];
    scripted.answer("contacts.words", json!({"words": words, "digits": "", "qr": "", "verified": false}));
    scripted
}

/// Returns each picture with its name.
fn pictures() -> Vec<(&'static str, String)> {
    let mut first = start(OpeningStart::Create, "C", false);
    first.enter("Alice");
    first.take(ChatInput::Paste(invite()));
    let mut invited = talk("C");
    invited.enter("/invite Dora");
    invited.answer("invites.create", json!({"invite": 3, "text": invite()}));
    let mut help = talk("C");
    help.key("f1");
    vec![
        ("first-start", svg(&first.buffer(80, 14))),
        ("conversation", svg(&talk("C").buffer(80, 24))),
        ("narrow", svg(&talk("C").buffer(40, 15))),
        ("german", svg(&talk("de").buffer(80, 16))),
        ("invite", svg(&invited.buffer(80, 44))),
        ("safety-words", svg(&verified().buffer(80, 14))),
        ("help", svg(&help.buffer(80, 55))),
    ]
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures").join(format!("{name}.svg"))
}

#[test]
fn the_pictures_of_the_guide_show_the_program_as_it_is() {
    for (name, picture) in pictures() {
        let kept = std::fs::read_to_string(path(name)).unwrap_or_default();
        assert!(kept == picture, "docs/pictures/{name}.svg is not current: run docs/pictures/render");
    }
}

#[test]
#[ignore = "docs/pictures/render runs it: it writes the pictures"]
fn the_pictures_are_rendered() {
    for (name, picture) in pictures() {
        std::fs::write(path(name), picture).unwrap();
    }
}
