//! A QR code is drawn so that it can be scanned, whatever the terminal's colours are.

use super::*;

/// Pixels a module: a scanner needs more than one.
const MODULE: usize = 4;

/// Says which halves of a cell are in the colour of the text: the upper and the lower one.
fn halves(cell: char) -> [bool; 2] {
    match cell {
        ' ' => [false, false],
        '▄' => [false, true],
        '▀' => [true, false],
        '█' => [true, true],
        other => panic!("{other:?} is no half block"),
    }
}

/// Draws rows of cells as a terminal with these shades for text and background does, where the rows
/// do not set their own; black and white, if they do.
fn pixels(drawing: &str, text: u8, background: u8) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for line in drawing.lines() {
        let own = line.strip_prefix(INK).and_then(|line| line.strip_suffix(NO_INK));
        let [text, background] = if own.is_some() { [0, 255] } else { [text, background] };
        let cells: Vec<_> = own.unwrap_or(line).chars().map(halves).collect();
        for half in 0..2 {
            let row: Vec<u8> = cells.iter().map(|cell| if cell[half] { text } else { background }).collect();
            rows.push(row);
        }
    }
    rows
}

fn scanned(pixels: &[Vec<u8>]) -> Option<String> {
    let height = pixels.len() * MODULE;
    let width = pixels[0].len() * MODULE;
    let shade = |x: usize, y: usize| pixels[y / MODULE][x / MODULE];
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, shade);
    image.detect_grids().first()?.decode().ok().map(|(_, text)| text)
}

#[test]
fn an_invite_can_be_scanned_from_dark_and_light_terminals() {
    let text = format!("ephemeral:{}", "A7".repeat(300));
    let drawing = inked(&code(&text).unwrap().render::<unicode::Dense1x2>().build());
    for (text_shade, background) in [(229, 0), (30, 255)] {
        let pixels = pixels(&drawing, text_shade, background);
        assert_eq!(scanned(&pixels).as_deref(), Some(text.as_str()), "on {background}");
        // The light margin is part of the code, and belongs to the drawing.
        assert!(pixels.iter().take(4).flatten().all(|shade| *shade == 255));
    }
}

#[test]
fn without_colours_of_its_own_it_is_a_negative_on_a_dark_terminal() {
    let drawing = code("ephemeral:x").unwrap().render::<unicode::Dense1x2>().build();
    let is_light = |pixels: &[Vec<u8>]| pixels[0].iter().all(|shade| *shade > 200);
    assert!(is_light(&pixels(&drawing, 30, 255)));
    assert!(!is_light(&pixels(&drawing, 229, 0)), "then the colours are of no use");
}
