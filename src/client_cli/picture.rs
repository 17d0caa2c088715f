//! Pictures with QR codes: reads and writes PNG files.
//!
//! A picture may be anybody's: what is read, unpacked and kept of it is bounded.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::Path;

use flate2::read::ZlibDecoder;
use lodepng::{Bitmap, ColorType, Decoder, DecompressSettings, Image, RGBA};
use qrcode::{Color, QrCode};
use rqrr::PreparedImage;
use zeroize::Zeroizing;

use super::exit::Failure;
use super::words::{files, fl, path};
use grey::Grey;

mod grey;

/// The largest file, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// The largest picture, in pixels.
const MAX_PIXELS: usize = 24_000_000;
/// The most bytes that a picture is unpacked into: three for each pixel.
const MAX_UNPACKED: u64 = 3 * MAX_PIXELS as u64 + (1 << 20);
/// How a picture is looked at again in which nothing was found: how many pixels its longer side has
/// then, and by how many degrees it is turned. Whether a code of many squares is found depends on
/// how they fall on the pixels: each of these finds about half of those that the ones before it did
/// not.
const AGAIN: [(f64, f64); 7] = [
    (1_900.0, 0.0),
    (1_900.0, -7.0),
    (1_900.0, 12.0),
    (1_900.0, 3.0),
    (2_300.0, -7.0),
    (1_900.0, 22.0),
    (3_000.0, 0.0),
];
/// How many pixels a square of a QR code has on each side, and how many squares of margin.
const SQUARE: usize = 8;
const MARGIN: usize = 4;

/// Returns the text of the one QR code in a PNG file that begins with `scheme`.
pub(super) fn read(file: &Path, scheme: &str) -> Result<Zeroizing<String>, Failure> {
    let bytes = contents(file)?;
    let picture = Grey::of(&decode(&bytes, file)?);
    let mut texts = texts_in(&picture, false);
    if texts.is_empty() {
        // Some draw it light on dark.
        texts = texts_in(&picture, true);
    }
    if texts.is_empty() {
        let again = AGAIN.iter().map(|(side, degrees)| texts_in(&picture.turned(*side, *degrees), false));
        texts = again.take(picture.attempts()).find(|texts| !texts.is_empty()).unwrap_or_default();
    }
    let nothing = texts.is_empty();
    texts.retain(|text| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    texts.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    texts.dedup_by(|one, other| one.as_str() == other.as_str());
    match texts.pop() {
        Some(text) if texts.is_empty() => Ok(text),
        Some(_) => Err(Failure::local(fl!("qr-several", path = path(file)))),
        None if nothing => Err(Failure::local(fl!("qr-none", path = path(file)))),
        None => Err(Failure::local(fl!("qr-other", path = path(file), scheme = scheme))),
    }
}

fn contents(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::local(fl!("qr-unread", path = path(file), why = files::system(&error)));
    let mut bytes = Vec::new();
    let mut opened = File::open(file).map_err(failed)?.take(MAX_FILE + 1);
    opened.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(too_large(file));
    }
    Ok(bytes)
}

fn too_large(file: &Path) -> Failure {
    let megapixels = (MAX_PIXELS / 1_000_000).to_string();
    Failure::local(fl!("qr-too-large", path = path(file), mib = (MAX_FILE >> 20).to_string(), megapixels = megapixels))
}

fn decode(bytes: &[u8], file: &Path) -> Result<Bitmap<RGBA>, Failure> {
    let broken = |error: lodepng::Error| Failure::local(fl!("qr-no-png", path = path(file), why = error.to_string()));
    let mut decoder = Decoder::new();
    decoder.read_text_chunks(false);
    decoder.remember_unknown_chunks(false);
    decoder.set_custom_zlib(Some(unpack), std::ptr::null());
    let info = decoder.info_raw_mut();
    info.set_colortype(ColorType::RGBA);
    info.set_bitdepth(8);
    let (width, height) = decoder.inspect(bytes).map_err(broken)?;
    if width.checked_mul(height).is_none_or(|pixels| pixels > MAX_PIXELS) {
        return Err(too_large(file));
    }
    match decoder.decode(bytes).map_err(broken)? {
        Image::RGBA(picture) => Ok(picture),
        _ => Err(broken(lodepng::Error::new(59))),
    }
}

/// Unpacks the pixels, and no more than there may be: a small file can hold gigabytes of zeros.
fn unpack(packed: &[u8], out: &mut dyn Write, _: &DecompressSettings) -> Result<(), lodepng::Error> {
    let mut bounded = ZlibDecoder::new(packed).take(MAX_UNPACKED);
    // One that is cut off does not have the length that the picture says.
    std::io::copy(&mut bounded, out).map(drop).map_err(|_| lodepng::Error::new(23))
}

fn texts_in(picture: &Grey, inverted: bool) -> Vec<Zeroizing<String>> {
    let brightness = |x: usize, y: usize| {
        let bright = picture.at(x, y);
        if inverted { u8::MAX - bright } else { bright }
    };
    let mut image = PreparedImage::prepare_from_greyscale(picture.width, picture.height, brightness);
    let codes = image.detect_grids();
    codes.iter().filter_map(|code| code.decode().ok()).map(|(_, text)| Zeroizing::new(text)).collect()
}

/// Returns a PNG file with a QR code.
pub(super) fn png(code: &QrCode) -> Result<Vec<u8>, Failure> {
    let side = (code.width() + 2 * MARGIN) * SQUARE;
    let dark = |x: usize, y: usize| {
        let at = |pixel: usize| (pixel / SQUARE).checked_sub(MARGIN).filter(|square| *square < code.width());
        at(x).zip(at(y)).is_some_and(|square| code[square] == Color::Dark)
    };
    let pixels = (0..side * side).map(|at| if dark(at % side, at / side) { 0u8 } else { u8::MAX });
    let pixels = pixels.collect::<Vec<_>>();
    lodepng::encode_memory(&pixels, side, side, ColorType::GREY, 8)
        .map_err(|error| Failure::local(fl!("qr-not-drawn", why = error.to_string())))
}

#[cfg(test)]
mod tests {
    use qrcode::EcLevel;

    use super::*;

    const SCHEME: &str = "ephemeral:";

    /// Returns a text that looks like an invite of this length.
    fn invite(length: usize) -> String {
        let text = "AQOsk-_7Zx9".chars().cycle().take(length);
        format!("{SCHEME}{}", text.collect::<String>())
    }

    fn drawn(text: &str) -> Bitmap<lodepng::Grey<u8>> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let picture = lodepng::decode_memory(png(&code).unwrap(), ColorType::GREY, 8).unwrap();
        let Image::Grey(picture) = picture else { panic!("not grey") };
        picture
    }

    fn kept(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn read_bytes(bytes: &[u8]) -> Result<String, String> {
        read(kept(bytes).path(), SCHEME).map(|text| text.to_string()).map_err(|failure| failure.to_string())
    }

    /// Turns the picture by so many degrees and makes it so many times as large, on grey paper, by
    /// something that takes one pixel for one.
    fn turned(picture: &Bitmap<lodepng::Grey<u8>>, degrees: f64, scale: f64) -> Vec<u8> {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let side = (picture.width as f64 * scale * 1.5) as usize;
        let middle = side as f64 / 2.0;
        let pixel = |at: usize| {
            let x = ((at % side) as f64 - middle) / scale;
            let y = ((at / side) as f64 - middle) / scale;
            let from = [x * cos + y * sin, y * cos - x * sin].map(|from| (from + picture.width as f64 / 2.0).floor());
            let inside = from.iter().all(|from| *from >= 0.0 && *from < picture.width as f64);
            if inside { picture.buffer[from[1] as usize * picture.width + from[0] as usize].value() } else { 230 }
        };
        let pixels: Vec<u8> = (0..side * side).map(pixel).collect();
        lodepng::encode_memory(&pixels, side, side, ColorType::GREY, 8).unwrap()
    }

    #[test]
    fn what_was_drawn_is_read_as_it_is_turned_and_of_any_size() {
        let straight = [(0.0, 1.0), (90.0, 1.0), (180.0, 0.5), (270.0, 2.0)];
        let tilted = [(31.0, 1.0), (7.0, 2.0), (200.0, 1.5)];
        for (length, any) in [(230, true), (272, true), (1_979, false)] {
            let text = invite(length);
            let picture = drawn(&text);
            let tilted = tilted.iter().filter(|_| any);
            for (degrees, scale) in straight.iter().chain(tilted).copied() {
                let read = read_bytes(&turned(&picture, degrees, scale));
                assert_eq!(read.as_ref(), Ok(&text), "{length} characters, {degrees} degrees, {scale}");
            }
        }
    }

    #[test]
    fn a_long_invite_is_read_although_it_is_tilted_and_smaller_than_it_was_drawn() {
        let text = invite(1_979);
        let picture = drawn(&text);
        for (degrees, scale) in [(3.0, 1.0), (10.0, 1.0), (5.0, 0.75), (-4.0, 0.6)] {
            let read = read_bytes(&turned(&picture, degrees, scale));
            assert_eq!(read.as_ref(), Ok(&text), "{degrees} degrees, {scale}");
        }
    }

    #[test]
    fn a_code_that_is_light_on_dark_or_on_nothing_is_read() {
        let text = invite(230);
        let picture = drawn(&text);
        let light: Vec<u8> = picture.buffer.iter().map(|pixel| u8::MAX - pixel.value()).collect();
        let light = lodepng::encode_memory(&light, picture.width, picture.height, ColorType::GREY, 8).unwrap();
        assert_eq!(read_bytes(&light), Ok(text.clone()));
        let seen = |pixel: &lodepng::Grey<u8>| RGBA { r: 0, g: 0, b: 0, a: u8::MAX - pixel.value() };
        let clear: Vec<RGBA> = picture.buffer.iter().map(seen).collect();
        let clear = lodepng::encode32(&clear, picture.width, picture.height).unwrap();
        assert_eq!(read_bytes(&clear), Ok(text));
    }

    #[test]
    fn what_is_no_picture_or_has_no_code_or_another_one_is_named() {
        let png_of = |text: &str| png(&QrCode::new(text).unwrap()).unwrap();
        let white = lodepng::encode_memory(&[u8::MAX; 10_000], 100, 100, ColorType::GREY, 8).unwrap();
        let whole = png_of(&invite(100));
        for (bytes, words) in [
            (b"<svg/>".as_slice(), "no PNG"),
            (&whole[..whole.len() / 2], "no PNG"),
            (white.as_slice(), "no QR code"),
            (png_of("https://example.org").as_slice(), "ephemeral:"),
        ] {
            let said = read_bytes(bytes).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
        assert!(read(Path::new("/nowhere/at.png"), SCHEME).is_err());
    }

    #[test]
    fn a_picture_that_unpacks_into_more_than_it_may_is_refused() {
        let many = lodepng::encode_memory(&vec![0u8; 25_000_000], 5_000, 5_000, ColorType::GREY, 8).unwrap();
        assert!(many.len() < 1 << 20, "it is small as a file");
        assert!(read_bytes(&many).unwrap_err().contains("megapixels"));
        // Says that it is small, and is not.
        let mut lies = many;
        lies[16..24].copy_from_slice(&[0, 0, 0, 100, 0, 0, 0, 100]);
        let checksum = crc32fast::hash(&lies[12..29]);
        lies[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert!(read_bytes(&lies).unwrap_err().contains("no PNG"));
        let long = vec![0; usize::try_from(MAX_FILE).unwrap() + 1];
        assert!(read_bytes(&long).unwrap_err().contains("MiB"));
    }
}
